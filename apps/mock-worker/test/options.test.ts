import { describe, expect, it } from "vitest";
import { WorkerProcess, privateEnvironment } from "./worker-process.ts";

async function run(args: string[], env: NodeJS.ProcessEnv = {}) {
  const worker = new WorkerProcess(args, { ...privateEnvironment(), ...env });
  const { code } = await worker.ended;
  return { code, stdout: worker.stdout, stderr: worker.stderr };
}

describe("the command line", () => {
  it("lists every option with its variable and its default", async () => {
    const { code, stdout } = await run(["--help"]);
    expect(code).toBe(0);
    const help = stdout.replace(/\s+/g, " ");
    expect(help).toContain(
      '--model-name <name> name under which clients ask for the model; with --model-path, that path unless told (default: "mock-model"',
    );
    const flags = stdout.match(/^ {2}--[a-z-]+ /gm) ?? [];
    expect(flags).toHaveLength(31);
    expect(help.match(/env: DYN_[A-Z_]+\)/g)).toHaveLength(flags.length);
  });

  it.each([
    [["--frobnicate"], "unknown option '--frobnicate'"],
    [["surplus"], "too many arguments"],
    [["--model-name"], "argument missing"],
    [["--model-name", " "], "a model needs a name"],
    [["--num-workers", "0"], "'0' is not a number from 1 to 10000 (--num-workers <count>)"],
    [["--num-workers", "1.5"], "'1.5' is not a whole number (--num-workers <count>)"],
    [["--ttft-ms", "soon"], "'soon' is not a number"],
    [["--jitter", "2"], "'2' is not a number from 0 to 1"],
    [["--reply", "sing"], "'sing' is not one of echo, fixed, words"],
    [["--fault", "explode"], "'explode' is no fault"],
    [["--endpoint", "backend"], "Invalid endpoint name 'backend'"],
    [["--block-size", "16"], "--block-size is for workers that take tokens: give a --model-path too"],
    [["--no-enable-prefix-caching"], "--enable-prefix-caching is for workers that take tokens"],
    [
      ["--model-path", "m", "--ttft-ms", "1"],
      "--ttft-ms is for workers that take chats: leave out --model-path",
    ],
    [["--model-path", "m", "--endpoint", "a.b.c,a.b.d"], "an engine serves one endpoint"],
    [["--model-path", "m", "--preemption-mode", "oldest"], "'oldest' is not one of lifo, fifo"],
    [["--model-path", "m", "--block-size", "0"], "'0' is not a number from 1 to 65536"],
    [["--request-plane", "x"], "Invalid request plane mode 'x'. Valid options are: 'nats', 'tcp', 'http'"],
  ])("refuses %j with exit code 2", async (args, message) => {
    const { code, stderr } = await run(args);
    expect(stderr).toContain(message);
    expect(code).toBe(2);
  });
});

describe("the environment", () => {
  it("falls back to the default with one warning when a value can't be used", async () => {
    const env = { ...privateEnvironment(), DYN_MOCK_TOKENS: "many", DYN_MOCK_JITTER: "0.5" };
    const worker = new WorkerProcess([], env);
    await worker.serving();
    const warnings = worker.log.filter(({ level }) => level === 40);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]?.msg).toContain("DYN_MOCK_TOKENS='many' is not usable, using '16'");
  });

  it.each([
    ["is not set", undefined, []],
    [
      "can't be used",
      "carrier-pigeon",
      [
        "DYN_REQUEST_PLANE='carrier-pigeon' is not usable, using 'nats': Invalid request plane mode " +
          "'carrier-pigeon'. Valid options are: 'nats', 'tcp', 'http'",
      ],
    ],
  ])("means NATS when DYN_REQUEST_PLANE %s, and says what to do without a server", async (_, plane, said) => {
    // Nothing listens on port 1.
    const env = { ...privateEnvironment(), DYN_REQUEST_PLANE: plane, NATS_SERVER: "nats://127.0.0.1:1" };
    const worker = new WorkerProcess([], env);
    expect(await worker.ended).toEqual({ code: 1, signal: null });
    expect(worker.log.filter(({ level }) => level === 40).map(({ msg }) => msg)).toEqual(said);
    const failure = worker.log.at(-1);
    expect(failure).toMatchObject({ level: 50, code: "cannot_connect", setting: "NATS_SERVER" });
    for (const words of ["nats://127.0.0.1:1", "set NATS_SERVER", "--request-plane or DYN_REQUEST_PLANE"])
      expect(failure?.msg).toContain(words);
  });

  it("is not second-guessed when it names a backend that isn't there yet", async () => {
    const { code, stderr } = await run([], { DYN_DISCOVERY_BACKEND: "kubernetes" });
    expect(stderr).toContain("'kubernetes' of DYN_DISCOVERY_BACKEND is not supported yet");
    expect(code).toBe(2);
  });

  it("loses against the command line, takes any case, and several endpoints", async () => {
    const env = {
      ...privateEnvironment(),
      DYN_MODEL_NAME: "theirs",
      DYN_ENDPOINT: "a.b.c,dyn://a.b.d",
      DYN_REQUEST_PLANE: "TCP",
    };
    const lines = await new WorkerProcess(["--model-name", "ours"], env).serving(2);
    expect(lines.map(({ model, endpoint }) => [model, endpoint])).toEqual([
      ["ours", "a.b.c"],
      ["ours", "a.b.d"],
    ]);
    const repeated = ["--endpoint", "x.y.z", "--endpoint", "x.y.w"];
    const [first, second] = await new WorkerProcess(repeated, env).serving(2);
    expect([first?.["endpoint"], second?.["endpoint"]]).toEqual(["x.y.z", "x.y.w"]);
  });
});
