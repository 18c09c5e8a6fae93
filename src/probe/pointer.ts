import { z } from 'zod'
import { POINTER_FORM } from '../domain/pointer.ts'

export const pointerSchema = z
  .string()
  .max(256)
  .regex(POINTER_FORM, 'not a JSON pointer (RFC 6901): begin with "/", write "~1" for "/" and "~0" for "~"')
