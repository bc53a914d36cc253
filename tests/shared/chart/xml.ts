// A strict little XML reader for the SVG tests: throws where tags do not match or text is not escaped.

export type XmlNode = { name: string; attributes: Record<string, string>; text: string };

const ENTITY = /&#(\d+);/g;
const decode = (text: string) => {
  if (/[<>]|&(?!#\d+;)/.test(text)) throw new Error(`Not escaped: ${text}`);
  return text.replace(ENTITY, (_, code) => String.fromCodePoint(Number(code)));
};

/** All elements in document order; `text` holds that of the children too. */
export function readXml(source: string): XmlNode[] {
  const nodes: XmlNode[] = [];
  const open: XmlNode[] = [];
  let at = 0;
  for (const found of source.matchAll(/<(\/?)([a-zA-Z]+)((?:\s+[\w:-]+="[^"<]*")*)(\/?)>/g)) {
    const between = decode(source.slice(at, found.index));
    for (const node of open) node.text += between;
    at = found.index + found[0].length;
    const [, closing, name, attributes, selfClosing] = found;
    if (closing) {
      if (open.pop()?.name !== name) throw new Error(`Wrong closing tag: ${name}`);
      continue;
    }
    const node: XmlNode = { name: name!, attributes: {}, text: '' };
    for (const [, key, value] of attributes!.matchAll(/([\w:-]+)="([^"]*)"/g)) node.attributes[key!] = decode(value!);
    nodes.push(node);
    if (!selfClosing) open.push(node);
  }
  if (open.length > 0 || at !== source.length) throw new Error('The document does not end where it should.');
  return nodes;
}
