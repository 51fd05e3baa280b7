import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import type { EndpointRecord, ResponseMode } from "@dynamo/request-plane-core";
import { CASES } from "../cases.ts";
import { runConformance } from "../run-conformance.ts";
import type { ConformanceReport } from "../run-conformance.ts";
import { jsonOf, tableOf } from "./report.ts";
import { loadTransport, recordOfAddress, recordOfJson, schemeOf } from "./target.ts";

interface Options {
  readonly transport: string;
  readonly factory?: string;
  readonly options: object;
  readonly address?: EndpointRecord;
  readonly instance?: EndpointRecord;
  readonly callHomeHost: string;
  readonly responses: ResponseMode;
  readonly group: readonly string[];
  readonly concurrency: number;
  readonly json: boolean;
}

/** Where the program writes. */
export interface Output {
  out(text: string): void;
  err(text: string): void;
}

/** Exit codes: the plane is as it should be; it is not; the command can't be carried out. */
const GOOD = 0;
const BAD = 1;
const USAGE = 2;

/** Runs the program and resolves with its exit code. */
export async function runProgram(argv: readonly string[], output: Output): Promise<number> {
  const command = commandLine(output);
  try {
    command.parse(argv, { from: "user" });
    return await test(command.opts<Options>(), output);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? GOOD : USAGE;
    output.err(`${error instanceof Error ? error.message : String(error)}\n`);
    return USAGE;
  }
}

async function test(options: Options, output: Output): Promise<number> {
  const record = options.instance ?? options.address;
  if (!record) throw new Error("Say whom to test: --address or --instance");
  const make = await loadTransport(options.transport, schemeOf(record), options.factory);
  const cases =
    options.group.length === 0 ? CASES : CASES.filter(({ group }) => options.group.includes(group));
  const report: ConformanceReport = await runConformance({
    factory: () => {
      const transport = make(options.options);
      return { server: transport, client: transport };
    },
    foreign: { record, callHomeHost: options.callHomeHost },
    responses: options.responses,
    cases,
    concurrency: options.concurrency,
  });
  output.out(options.json ? jsonOf(report) : tableOf(report));
  return report.failed > 0 ? BAD : GOOD;
}

function commandLine(output: Output): Command {
  const groups = [...new Set(CASES.map(({ group }) => group))];
  return new Command("request-plane-conformance")
    .description("Tests a worker that serves the kit's reference endpoint, from outside.")
    .requiredOption("--transport <package>", "package or file of the transport, looked for from this folder")
    .option("--factory <name>", "its export that makes a transport (default: named like the plane)")
    .option("--options <json>", "what the factory is given", json, {})
    .option("--address <scheme:address>", "address of the worker's endpoint", parsed(recordOfAddress))
    .option("--instance <json>", "its instance record, or @file", parsed(recordOfJson))
    .option("--call-home-host <host>", "address on which responses are awaited", "127.0.0.1")
    .addOption(
      new Option("--responses <way>", "which way they come back; in-band needs a record that offers it")
        .choices(["auto", "callhome", "inband"])
        .default("auto"),
    )
    .addOption(new Option("--group <name...>", "only these groups").choices(groups).default([], "all"))
    .option("--concurrency <count>", "cases at the same time", count, 4)
    .option("--json", "a report for programs", false)
    .exitOverride()
    .configureOutput({ writeOut: (text) => output.out(text), writeErr: (text) => output.err(text) });
}

function parsed<T>(parse: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
    }
  };
}

function json(text: string): object {
  const value: unknown = parsed((given: string): unknown => JSON.parse(given))(text);
  if (typeof value === "object" && value !== null) return value;
  throw new InvalidArgumentError("expected a JSON object");
}

function count(text: string): number {
  if (/^[1-9]\d{0,2}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("expected a number from 1 to 999");
}
