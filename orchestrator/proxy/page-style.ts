/** The style that the relay and the local edge share for their own pages. */
const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export const escapeHtml = (text: string) => text.replace(/[&<>"']/g, (sign) => ENTITIES[sign] ?? sign);

/** The look of every page of ours, here and at the local edge: one card in the visitor's colours. */
export const CARD_STYLE = `:root{color-scheme:light dark;--ink:#1c2333;--dim:#5c667a;--paper:#eef1f8;--card:#fff;--line:#dfe4ef}
@media(prefers-color-scheme:dark){:root{--ink:#eceff6;--dim:#a2abbd;--paper:#10131a;--card:#1a1f2a;--line:#2b3342}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;min-height:100dvh;display:grid;place-items:center;padding:1.25rem;
font:1.0625rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;color:var(--ink);background:var(--paper)}
main{width:min(30rem,100%);padding:clamp(1.75rem,7vw,3rem);background:var(--card);border:1px solid var(--line);
border-radius:1.25rem;box-shadow:0 1.25rem 3rem -1.5rem #0006}
`;
