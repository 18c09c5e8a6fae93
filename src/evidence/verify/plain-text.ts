/** What writes over what stands in a terminal, or turns it round. */
const CONTROL = /[\p{Cc}\p{Bidi_Control}]/gu

/** Words about a bundle, which quote it: whoever made it must not write the verdict too. */
export function plainText(text: string): string {
  return text.replaceAll(CONTROL, '\uFFFD')
}
