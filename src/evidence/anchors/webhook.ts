import type { Anchor } from './anchor.ts'
import { post, refused } from './post.ts'

/** POSTs each checkpoint's signed note; any 2xx is a receipt. */
export function webhookAnchor({ url, authorization }: { url: string; authorization?: string | undefined }): Anchor {
  return async ({ note }, { signal }) => {
    const { status } = await post(url, { body: note, contentType: 'text/plain; charset=utf-8', authorization, signal })
    if (status < 200 || status > 299) throw refused(status)
    return {}
  }
}
