import { Command, InvalidArgumentError, Option } from "commander";

const PLANES = ["tcp", "http", "nats"] as const;
export type Plane = (typeof PLANES)[number];

export interface LaunchOptions {
  readonly plane: Plane;
  readonly httpPort: number;
  /** End after the first answer. */
  readonly once: boolean;
}

/** Prints and ends the process after `--help` (exit code 0) and after a mistake (exit code 2). */
export function parseOptions(args: readonly string[]): LaunchOptions {
  const port = new Option("--http-port <port>", "port of the frontend").env("DYN_HTTP_PORT").default(8000);
  const command = new Command("npm start --")
    .description(
      "Starts a frontend and two mock workers on this machine and sends them one streaming request.",
    )
    .addOption(planeOption("tcp", "use the TCP request plane (default)"))
    .addOption(planeOption("http", "use the HTTP request plane"))
    .addOption(planeOption("nats", "use the NATS request plane, and start a server when none runs"))
    .option("--once", "end after the answer instead of staying up")
    .addOption(port.argParser(parsePort))
    .helpOption("-h, --help", "show this")
    .allowExcessArguments(false)
    .exitOverride(({ exitCode }) => process.exit(exitCode && 2))
    .parse(args, { from: "user" });
  const given = command.opts<{ httpPort: number; once?: true } & Partial<Record<Plane, true>>>();
  const plane = PLANES.find((one) => given[one]) ?? "tcp";
  return { plane, httpPort: given.httpPort, once: given.once ?? false };
}

function planeOption(plane: Plane, description: string): Option {
  return new Option(`--${plane}`, description).conflicts(PLANES.filter((other) => other !== plane));
}

function parsePort(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return port;
  throw new InvalidArgumentError("A port is a number from 1 to 65535.");
}
