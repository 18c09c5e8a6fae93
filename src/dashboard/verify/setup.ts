import { z } from 'zod'

// The policy of the page allows no code that is made of text, and zod would try.
z.config({ jitless: true })
