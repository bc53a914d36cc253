// The smallest set of vertices that separates sources from sinks: maximum flow by shortest augmenting paths
// (Edmonds and Karp 1972), every vertex split into an entrance and an exit.

/**
 * `sizes`: what taking a vertex costs; `edges` go from source to sink. Of several smallest sets the one nearest the sinks.
 * A vertex may be source and sink at once.
 */
export function smallestCut(
  sizes: ReadonlyMap<string, number>,
  edges: readonly (readonly [string, string])[],
  sources: readonly string[],
  sinks: readonly string[],
): string[] {
  const START = '>';
  const END = '<';
  const [enter, leave] = [(v: string) => `i ${v}`, (v: string) => `o ${v}`];
  const room = new Map<string, Map<string, number>>();
  const put = (from: string, to: string, capacity: number) => {
    const at = room.get(from) ?? new Map<string, number>();
    at.set(to, (at.get(to) ?? 0) + capacity);
    room.set(from, at);
  };
  const join = (from: string, to: string, capacity: number) => {
    put(from, to, capacity);
    put(to, from, 0);
  };
  for (const [v, size] of sizes) join(enter(v), leave(v), size);
  for (const [a, b] of edges) join(leave(a), enter(b), Number.POSITIVE_INFINITY);
  for (const v of sources) join(START, enter(v), Number.POSITIVE_INFINITY);
  for (const v of sinks) join(leave(v), END, Number.POSITIVE_INFINITY);

  for (let path = shortestPath(room, START, END); path; path = shortestPath(room, START, END)) {
    const least = Math.min(...path.map(([from, to]) => room.get(from)!.get(to)!));
    for (const [from, to] of path) {
      put(from, to, -least);
      put(to, from, least);
    }
  }
  const near = reaching(room, END);
  return [...sizes.keys()].filter((v) => !near.has(enter(v)) && near.has(leave(v)));
}

type Room = ReadonlyMap<string, ReadonlyMap<string, number>>;

function shortestPath(room: Room, from: string, to: string): [string, string][] | null {
  const before = new Map<string, string>([[from, from]]);
  const queue = [from];
  for (let v = queue.shift(); v !== undefined && !before.has(to); v = queue.shift())
    for (const [next, capacity] of room.get(v) ?? [])
      if (capacity > 0 && !before.has(next)) {
        before.set(next, v);
        queue.push(next);
      }
  if (!before.has(to)) return null;
  const path: [string, string][] = [];
  for (let v = to; v !== from; v = before.get(v)!) path.push([before.get(v)!, v]);
  return path;
}

/** All vertices from which more could still flow to `end`. */
function reaching(room: Room, end: string): Set<string> {
  const found = new Set([end]);
  const queue = [end];
  for (let v = queue.shift(); v !== undefined; v = queue.shift())
    for (const other of room.get(v)?.keys() ?? [])
      if (!found.has(other) && room.get(other)!.get(v)! > 0) {
        found.add(other);
        queue.push(other);
      }
  return found;
}
