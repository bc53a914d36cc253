// Captions as they are typed: templates and what classes are called in them, what is wrong with one, and what can be used.

export type Captions = {
  templates: string[];
  /** Class -> the words used for it; a class left out keeps its folder's name. */
  classNames: Record<string, string>;
};

/** What is wrong with a template, or null; an empty one is only left out. */
export function templateProblem(text: string): string | null {
  if (text.trim() === '' || text.includes('{}')) return null;
  return 'needs {} where the class goes';
}

/** The first template that cannot be used, as a sentence; null when all can. */
export function captionsProblem({ templates }: Pick<Captions, 'templates'>): string | null {
  const wrong = templates.find((one) => templateProblem(one) !== null);
  return wrong === undefined ? null : `The template “${wrong.trim()}” ${templateProblem(wrong)}.`;
}

/** "a photo of a {}.", "7, averaged" */
export const templatesText = (templates: readonly string[]): string =>
  templates.length === 1 ? templates[0]! : `${templates.length}, averaged`;

/** What is sent: templates that can be used, each once, and names that are not empty. */
export function usable({ templates, classNames }: Captions): Captions {
  const good = templates.map((one) => one.trim()).filter((one) => one !== '' && templateProblem(one) === null);
  const names = Object.entries(classNames).filter(([, words]) => words.trim() !== '');
  return {
    templates: [...new Set(good)],
    classNames: Object.fromEntries(names.map(([name, words]) => [name, words.trim()])),
  };
}
