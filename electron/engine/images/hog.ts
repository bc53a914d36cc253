// The built-in features, which need no pretrained weights: a histogram of oriented gradients and a colour histogram.

/** 7 x 7 blocks of 2 x 2 cells of 9 orientations, then 4 x 4 x 4 colours. */
export const HOG_DIM = 7 * 7 * 4 * 9 + 64;

/** Part of the feature cache's key: raise it when the numbers change. */
export const HOG_VERSION = 'hog-1';
