/**
 * What the engine "says": token ids from 1000 to 1999, as Dynamo's mocker. Each is drawn from the seed and all
 * tokens before it, those of the prompt too. So the same prompt gets the same answer whatever runs beside it, and
 * another worker that is given the answer so far goes on with the same words. Source of the range: interop
 * notes, section E2.
 */

const FIRST_TOKEN = 1000;
const TOKENS = 1000;

export class TokenSource {
  #state: number;
  #length = 0;

  constructor(seed: number, prompt: readonly number[]) {
    this.#state = mix(mix(seed, seed / 2 ** 32), 0x5eed);
    for (const token of prompt) this.#push(token);
  }

  /** The next token, which is then one of those before. */
  next(): number {
    const token = FIRST_TOKEN + ((mix(this.#state, this.#length) >>> 0) % TOKENS);
    this.#push(token);
    return token;
  }

  #push(token: number): void {
    this.#length += 1;
    // The place counts too, or a state that comes again would repeat itself for ever.
    this.#state = mix(this.#state, token ^ Math.imul(this.#length, 0x9e3779b1));
  }
}

/** The finaliser of MurmurHash3, over both. */
function mix(state: number, value: number): number {
  let mixed = Math.imul(state, 31) ^ value;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
