/**
 * Telnet commands among the text (RFC 854):
 *
 *     IAC IAC                           the data byte 0xff
 *     IAC WILL|WONT|DO|DONT option      about an option
 *     IAC SB … IAC SE                   parameters of an option
 *     IAC any other byte                a command of two bytes
 */
const iac = 0xff;
const dont = 0xfe;
const doIt = 0xfd;
const wont = 0xfc;
const will = 0xfb;
const sb = 0xfa;
const se = 0xf0;

/** Parameters of an option are a few bytes; no client of ours is asked for any. */
const maxParameterBytes = 4096;

type State = 'data' | 'command' | 'will' | 'do' | 'skip-option' | 'parameters' | 'parameters-command';

/** Takes the telnet commands out of what one client sends, and refuses every option that it offers or asks for. */
export class TelnetCommands {
  #state: State = 'data';
  #parameterBytes = 0;
  #answers: number[] = [];

  /** Parameters without an end: nothing that comes from this client makes sense any more. */
  get isBroken(): boolean {
    return this.#parameterBytes > maxParameterBytes;
  }

  /** @returns the text in `bytes`: the same array where it holds nothing else */
  strip(bytes: Uint8Array): Uint8Array {
    if (this.#state === 'data' && !bytes.includes(iac)) return bytes;
    const text = new Uint8Array(bytes.length);
    let length = 0;
    for (const byte of bytes) {
      if (this.#state === 'data' && byte !== iac) text[length++] = byte;
      else if (this.#state === 'command' && byte === iac) {
        text[length++] = byte;
        this.#state = 'data';
      } else this.#state = this.#next(byte);
    }
    return text.subarray(0, length);
  }

  /** What is to be sent for the commands that were stripped since the last call, if anything. */
  takeAnswers(): Uint8Array | undefined {
    if (this.#answers.length === 0) return undefined;
    const answers = Uint8Array.from(this.#answers);
    this.#answers = [];
    return answers;
  }

  #next(byte: number): State {
    switch (this.#state) {
      case 'data':
        return 'command';
      case 'command':
        return commandState(byte);
      // WONT and DONT need no answer, and answering what changes nothing makes loops (RFC 1143).
      case 'will':
        this.#answers.push(iac, dont, byte);
        return 'data';
      case 'do':
        this.#answers.push(iac, wont, byte);
        return 'data';
      case 'skip-option':
        return 'data';
      case 'parameters':
        this.#parameterBytes += 1;
        return byte === iac ? 'parameters-command' : 'parameters';
      case 'parameters-command':
        this.#parameterBytes += 1;
        if (byte !== se) return 'parameters';
        this.#parameterBytes = 0;
        return 'data';
    }
  }
}

function commandState(byte: number): State {
  switch (byte) {
    case will:
      return 'will';
    case doIt:
      return 'do';
    case wont:
    case dont:
      return 'skip-option';
    case sb:
      return 'parameters';
    default:
      return 'data';
  }
}
