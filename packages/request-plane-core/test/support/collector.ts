import { Writable } from "node:stream";

/** Keeps copies of what is written, in `written`. */
export class Collector extends Writable {
  constructor(written: Buffer[]) {
    super({
      write: (chunk: Buffer, _encoding, done) => {
        written.push(Buffer.from(chunk));
        done();
      },
    });
  }
}
