import type { Session } from "./document.ts";
import { Program } from "./program.ts";

interface Command {
  file: string;
  args: string[];
  env: Record<string, string>;
  /** Runs on while the next commands run: `$ node worker.ts &`. */
  background: boolean;
  expected: string[];
}

const pattern = /^\$ (?<env>(?:\w+=\S+ )*)node (?<file>[\w-]+\.ts)(?<args>(?: [^\s&]+)*)(?<background> &)?$/;

/**
 * The commands of a session that only starts these files, or undefined for a session of another kind.
 * An `npm install` is skipped. Throws when there are other commands too: half a session cannot be tested.
 */
export function parseSession({ text, line }: Session, files: string[]): Command[] | undefined {
  const commands: Command[] = [];
  let others = 0;
  for (const row of text.split("\n")) {
    const groups = pattern.exec(row)?.groups;
    if (groups && files.includes(groups["file"] ?? "")) commands.push(toCommand(groups));
    else if (/^\$ (?!npm install )/.test(row)) others++;
    else if (!row.startsWith("$ ")) commands.at(-1)?.expected.push(row);
  }
  if (commands.length === 0) return undefined;
  if (others > 0) throw new Error(`the session on line ${line} also runs commands that are not snippets`);
  return commands;
}

function toCommand(groups: Record<string, string | undefined>): Command {
  return {
    file: groups["file"] ?? "",
    args: words(groups["args"]),
    env: Object.fromEntries(words(groups["env"]).map((pair) => splitAt(pair, pair.indexOf("=")))),
    background: groups["background"] !== undefined,
    expected: [],
  };
}

function splitAt(text: string, index: number): [string, string] {
  return [text.slice(0, index), text.slice(index + 1)];
}

function words(text = ""): string[] {
  return text.split(" ").filter((word) => word !== "");
}

/**
 * Runs the commands one after the other, as a reader would type them: the next one once a background program
 * has printed what the document says, or once a foreground program has ended well after printing exactly that.
 *
 * @returns what went otherwise.
 */
export async function runSession(
  commands: Command[],
  cwd: string,
  env: NodeJS.ProcessEnv,
): Promise<string[]> {
  const running: Program[] = [];
  const problems: string[] = [];
  for (const { file, args, background, expected, ...command } of commands) {
    const program = new Program(file, args, { cwd, env: { ...env, ...command.env } });
    if (background) running.push(program);
    const problem = background ? await program.prints(expected) : await program.endsWith(expected);
    if (problem === undefined) continue;
    problems.push(`${file}: ${problem}`);
    break;
  }
  for (const program of running.reverse()) {
    const problem = await program.stop();
    if (problem !== undefined) problems.push(problem);
  }
  return problems;
}
