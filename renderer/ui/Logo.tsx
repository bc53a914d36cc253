// The mark: a few-shot chart, small.
export const Logo = () => (
  <svg width="20" height="20" viewBox="0 0 20 20" aria-hidden="true" style={{ flex: 'none' }}>
    <path d="M3 17V3M3 17h14" stroke="var(--text)" strokeWidth="1.6" fill="none" />
    <path d="M4 13 8 8l4 1 5-6" stroke="var(--accent)" strokeWidth="2" fill="none" />
  </svg>
);
