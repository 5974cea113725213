/** Returns the text of a TypeScript file with its types blanked out. @param path its name in errors */
export function stripped (text: string, path: string): string
