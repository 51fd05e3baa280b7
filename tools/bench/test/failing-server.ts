import { runServer } from "../src/program.ts";

runServer(async () => {
  throw new Error("no port is good enough");
});
