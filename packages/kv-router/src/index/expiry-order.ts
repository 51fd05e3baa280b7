import { NONE } from "../tree/block-tree.ts";
import type { KeyedRecords } from "../tree/keyed-records.ts";
import { MEMBERSHIP } from "../tree/records.ts";

/** Fields of a membership: its neighbours in the order, and when it was touched. */
const OLDER = MEMBERSHIP.own;
const NEWER = MEMBERSHIP.own + 1;
const TOUCHED = MEMBERSHIP.own + 2;

/** Words that the order keeps in each membership. */
export const EXPIRY_FIELDS = 3;

/** The memberships of a tree, the one that was touched longest ago first. */
export class ExpiryOrder {
  readonly #records: KeyedRecords;
  #oldest = NONE;
  #newest = NONE;

  /** @param records the memberships of a tree with room for `EXPIRY_FIELDS`. */
  constructor(records: KeyedRecords) {
    this.#records = records;
  }

  get oldest(): number {
    return this.#oldest;
  }

  touchedAt(membership: number): number {
    return this.#records.get(membership, TOUCHED);
  }

  /** Puts a new membership at the end. */
  add(membership: number): void {
    const records = this.#records;
    records.set(membership, OLDER, this.#newest);
    records.set(membership, NEWER, NONE);
    if (this.#newest === NONE) this.#oldest = membership;
    else records.set(this.#newest, NEWER, membership);
    this.#newest = membership;
  }

  /** Moves a membership to the end. */
  touch(membership: number, time: number): void {
    this.remove(membership);
    this.add(membership);
    this.#records.set(membership, TOUCHED, time);
  }

  remove(membership: number): void {
    const records = this.#records;
    const older = records.get(membership, OLDER);
    const newer = records.get(membership, NEWER);
    if (older === NONE) this.#oldest = newer;
    else records.set(older, NEWER, newer);
    if (newer === NONE) this.#newest = older;
    else records.set(newer, OLDER, older);
  }
}
