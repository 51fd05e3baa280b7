/** Keys and JWTs of NATS, made for one test. */
import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { nkeys } from "@nats-io/transport-node";

type KeyPair = ReturnType<typeof nkeys.createUser>;

export interface NKey {
  readonly seed: string;
  readonly publicKey: string;
}

export function nkey(): NKey {
  const pair = nkeys.createUser();
  return { seed: Buffer.from(pair.getSeed()).toString(), publicKey: pair.getPublicKey() };
}

/** An operator with one account, and files with the credentials of its users. */
export class Operator {
  readonly #account: KeyPair = nkeys.createAccount();
  /** What the server's configuration holds. */
  readonly jwt: string;
  readonly accounts: Readonly<Record<string, string>>;

  constructor() {
    const operator = nkeys.createOperator();
    const limits = {
      subs: -1,
      data: -1,
      payload: -1,
      imports: -1,
      exports: -1,
      wildcards: true,
      conn: -1,
      leaf: -1,
    };
    this.jwt = sign(operator, operator, { type: "operator" });
    this.accounts = {
      [this.#account.getPublicKey()]: sign(operator, this.#account, { type: "account", limits }),
    };
  }

  /** Writes the credentials of a new user. */
  async writeUser(path: string): Promise<void> {
    const user = nkeys.createUser();
    const jwt = sign(this.#account, user, {
      type: "user",
      pub: {},
      sub: {},
      subs: -1,
      data: -1,
      payload: -1,
    });
    const seed = Buffer.from(user.getSeed()).toString();
    await writeFile(path, block("NATS USER JWT", jwt) + block("USER NKEY SEED", seed));
  }
}

function block(name: string, content: string): string {
  return `-----BEGIN ${name}-----\n${content}\n------END ${name}------\n\n`;
}

function sign(issuer: KeyPair, subject: KeyPair, claims: object): string {
  const body = [
    { typ: "JWT", alg: "ed25519-nkey" },
    {
      ...{ jti: randomUUID(), iat: Math.floor(Date.now() / 1_000), iss: issuer.getPublicKey() },
      ...{ name: "test", sub: subject.getPublicKey(), nats: { ...claims, version: 2 } },
    },
  ]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".");
  return `${body}.${Buffer.from(issuer.sign(Buffer.from(body))).toString("base64url")}`;
}
