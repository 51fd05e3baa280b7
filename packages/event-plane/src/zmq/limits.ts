/** Messages that may wait for one listener, on either side; more are dropped. As in Dynamo. */
export const HIGH_WATER_MARK = 100_000;
