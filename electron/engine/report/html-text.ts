// Small pieces of HTML text.

const ESCAPES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (char) => ESCAPES[char]!);

/** A table of plain text; from column `numbers` on, cells are set as numbers. No head: no head row. */
export function table(head: string[], rows: string[][], numbers: number): string {
  const cell = (text: string, i: number) =>
    i === 0
      ? `<th scope="row">${escapeHtml(text)}</th>`
      : `<td${i >= numbers ? ' class="num"' : ''}>${escapeHtml(text)}</td>`;
  const top = head.length
    ? `<thead><tr>${head.map((name) => `<th scope="col">${escapeHtml(name)}</th>`).join('')}</tr></thead>`
    : '';
  return `<div class="scroll"><table>${top}<tbody>${rows.map((row) => `<tr>${row.map(cell).join('')}</tr>`).join('')}</tbody></table></div>`;
}
