/** The program's version; test/tidy holds it to package.json. */
export const version = '0.1.0';
