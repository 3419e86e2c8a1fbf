import { ParleyError } from '@parley/protocol';
import type { Choice, Questions } from './questions.js';

/** Answers from a list, in turn; `null` is a person who does not want to answer. */
export class FakeQuestions implements Questions {
  readonly asked: string[] = [];
  readonly offered: string[][] = [];
  readonly #answers: unknown[];

  constructor(...answers: unknown[]) {
    this.#answers = answers;
  }

  async text(
    message: string,
    initial: string | undefined,
    _signal: AbortSignal,
    problem?: (answer: string) => string | undefined,
  ): Promise<string> {
    for (;;) {
      const answer = await this.#answer(initial === undefined ? message : `${message} (${initial})`);
      if (problem?.(answer as string) === undefined) return answer as string;
    }
  }

  secret(message: string): Promise<string> {
    return this.#answer(message) as Promise<string>;
  }

  choice<T>(message: string, choices: readonly Choice<T>[]): Promise<T> {
    this.offered.push(choices.map(({ name }) => name));
    return this.#answer(message).then((answer) => {
      const choice = choices.find(({ name }) => name === answer);
      if (!choice) throw new Error(`${String(answer)} is not offered`);
      return choice.value;
    });
  }

  confirm(message: string): Promise<boolean> {
    return this.#answer(message) as Promise<boolean>;
  }

  #answer(message: string): Promise<unknown> {
    this.asked.push(message);
    const answer = this.#answers.shift();
    return answer === null ? Promise.reject(new ParleyError('ABORTED')) : Promise.resolve(answer);
  }
}
