/** Seeds of random runs that once failed. What they do changes with the harness, but they cost next to nothing. */
export const regressionSeeds: readonly number[] = [
  193, 358, 440, 523, 626, 923, 979, 1522, 2568, 2673, 3668, 6865, 7820, 8660, 12198, 13885,
];
