// Moments of the mock's world, counted back from now.

export const MINUTE = 60_000;
export const ago = (ms) => new Date(Date.now() - ms).toISOString();
