/**
 * The bcrypt runs which, after one of cost `made`, make up the work of one of cost `asked`: each step of the cost doubles
 * it. Without them an account whose hash is from a time of less work would be known by its quicker refusal.
 */
export function missingRounds(made: number, asked: number): number[] {
  return Array.from({ length: Math.max(0, asked - made) }, (_, step) => made + step);
}
