/** Splits a hostile byte stream into lines. Buffers at most one line. */
export class LineReader {
  readonly #maxBytes: number;
  #pending: Buffer[] = [];
  #pendingBytes = 0;

  /** `maxBytes`: longest accepted line, without its newline. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Returns the lines that `data` completes; null once a line is too long: the stream must then be closed. */
  push(data: Buffer): string[] | null {
    const lines: string[] = [];
    let from = 0;
    for (let end = data.indexOf(10); end !== -1; end = data.indexOf(10, from)) {
      const tail = data.subarray(from, end);
      if (this.#pendingBytes + tail.length > this.#maxBytes) return null;
      lines.push(Buffer.concat([...this.#pending, tail]).toString());
      this.#pending = [];
      this.#pendingBytes = 0;
      from = end + 1;
    }
    const rest = data.subarray(from);
    this.#pendingBytes += rest.length;
    if (this.#pendingBytes > this.#maxBytes) return null;
    if (rest.length > 0) this.#pending.push(rest);
    return lines;
  }
}
