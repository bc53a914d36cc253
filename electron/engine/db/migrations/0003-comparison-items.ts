// What a comparison's rows were fitted on: one that is resumed goes on only where that is still the same.
export const sql = `
ALTER TABLE comparison ADD COLUMN items TEXT;   -- SHA-256 of the contents, labels and splits used; null in older ones
`;
