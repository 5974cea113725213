/**
 * Writes the module that `import` gets, and what makes the code beside it CommonJS. @param dist the folder of the build
 */
export function writeEntries (dist: string): void
