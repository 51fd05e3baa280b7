/** Preloaded into the programs of a test: SIGUSR2 collects all garbage, so that what stays is in use. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as (options: { type: "major"; flavor: "last-resort" }) => void;
process.on("SIGUSR2", () => collect({ type: "major", flavor: "last-resort" }));
