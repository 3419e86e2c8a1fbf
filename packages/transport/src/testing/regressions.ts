/** Seeds of random runs that once failed. What they do changes with the harness, but they cost next to nothing. */
export const regressionSeeds: readonly number[] = [];
