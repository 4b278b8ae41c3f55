/** Cuts a hostile byte stream into lines, never holding more than one line's worth. */
export class LineReader {
  readonly #maxBytes: number;
  #pending: Buffer[] = [];
  #size = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The whole lines that `data` completes; null where a line has grown too long: then the stream is beyond trust. */
  push(data: Buffer): string[] | null {
    const lines: string[] = [];
    let from = 0;
    for (let end = data.indexOf(10); end !== -1; end = data.indexOf(10, from)) {
      const tail = data.subarray(from, end);
      if (this.#size + tail.length > this.#maxBytes) return null;
      lines.push(Buffer.concat([...this.#pending, tail]).toString());
      this.#pending = [];
      this.#size = 0;
      from = end + 1;
    }
    const rest = data.subarray(from);
    this.#size += rest.length;
    if (this.#size > this.#maxBytes) return null;
    if (rest.length > 0) this.#pending.push(rest);
    return lines;
  }
}
