import rules from "./tools/lint/eslint.config.js";

/** The rules of tools/lint with one program of types for all packages: a program for each takes far longer. */
export default [
  ...rules,
  { ignores: ["**/*.js"] },
  {
    languageOptions: {
      parserOptions: {
        projectService: false,
        project: ["tsconfig.json"],
        tsconfigRootDir: import.meta.dirname,
      },
    },
  },
];
