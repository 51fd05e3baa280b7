import { parseRequestPlaneMode, REQUEST_PLANE_MODES, RequestPlaneError } from "@dynamo/request-plane-core";
import { format } from "prettier";
import type { Row } from "./rows.ts";
import type { Section } from "./sections.ts";

/** Path of the page from the workspace's root. */
export const PAGE = "docs/configuration.md";

/** The whole page, in the format of the workspace. */
export function configurationPage(sections: Section[]): Promise<string> {
  const text = [introduction(), requestPlane(), ...sections.map(formatSection)].join("\n\n");
  return format(text, { parser: "markdown", printWidth: 110, proseWrap: "always" });
}

function introduction(): string {
  return `# Configuration

<!-- Written by \`npm run docs\` from the tables in the code. Changes made here are lost. -->

Every setting has an environment variable. Packages also take it as an option in code, programs as a flag. An
option or a flag wins over the variable, and the variable over the default.

| A value that can't be used | What happens |
| --- | --- |
| in the environment | one warning, and the default |
| in code | an error with the code \`invalid_configuration\` |
| on a command line | a message, and the program ends with exit code 2 |

Variables are read once: by a program when it starts, by a package when its manager, transport or discovery is
made. For packages, a variable that is set to nothing counts as not set. Options whose names end in \`Ms\` are in
milliseconds, whatever the unit of their variable. The programs also heed the variables of the packages.`;
}

function requestPlane(): string {
  const names = REQUEST_PLANE_MODES.map((mode) => `\`${mode}\``);
  return `## Request plane

\`DYN_REQUEST_PLANE\` names the plane that the programs use: ${names.join(", ")}, in upper or lower case. For
any other name the message is

\`\`\`text
${complaintAbout("udp")}
\`\`\`

In code, the transports given to \`createNetworkManager\` are the planes. \`parseRequestPlaneMode\` and
\`loadTransport\` of the core make one from the variable.`;
}

function complaintAbout(mode: string): string {
  try {
    return parseRequestPlaneMode(mode);
  } catch (error) {
    return RequestPlaneError.from(error).message;
  }
}

function formatSection({ title, names, text, rows }: Section): string {
  const head = ["Variable", names, "Default", "Value", "Meaning"];
  const lines = [head, head.map(() => "---"), ...rows.map(cells)].map((line) => `| ${line.join(" | ")} |`);
  return [`## ${title}`, text, lines.join("\n")].join("\n\n");
}

function cells({ variable, name, default: preset, expected, meaning }: Row): string[] {
  const shown = preset.isValue ? code(preset.text) : plain(preset.text);
  return [code(variable), code(name), shown, plain(expected), plain(meaning)];
}

function code(text: string): string {
  return `\`${text.replaceAll("|", "\\|")}\``;
}

/** Text in which nothing is markup; an underscore within a word never is. */
function plain(text: string): string {
  return text.replaceAll(/[\\`*<>[\]|]|\b_|_\b/g, "\\$&");
}
