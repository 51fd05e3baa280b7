/** What requests under way take on each slot, in arrays that a decision can run through. */
export class LoadTable {
  /** Different blocks in use. */
  blocks = new Int32Array(16);
  /** Prompt tokens still to be computed. */
  prefillTokens = new Float64Array(16);
  requests = new Int32Array(16);

  /** Makes room for all slots below the limit. */
  reserve(limit: number): void {
    if (limit <= this.blocks.length) return;
    const size = Math.max(limit, this.blocks.length * 2);
    this.blocks = copied(new Int32Array(size), this.blocks);
    this.requests = copied(new Int32Array(size), this.requests);
    this.prefillTokens = copied(new Float64Array(size), this.prefillTokens);
  }

  addPrefill(slot: number, tokens: number): void {
    this.prefillTokens[slot] = (this.prefillTokens[slot] ?? 0) + tokens;
  }

  addRequests(slot: number, count: number): void {
    this.requests[slot] = (this.requests[slot] ?? 0) + count;
  }
}

function copied<T extends Int32Array | Float64Array>(target: T, source: T): T {
  target.set(source);
  return target;
}
