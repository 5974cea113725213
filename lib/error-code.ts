import type * as errors from './errors.js'

type CodeOf<Constructor> = Constructor extends new (...words: never[]) => { readonly code: infer Code extends string }
  ? Code
  : never

/** The code of any error of this plugin. */
export type ErrorCode = CodeOf<typeof errors[keyof typeof errors]>
