/** Whether what takes long is tested, too: `npm run test:long`, for a night. */
export const long = process.env.PROMPTKD_TESTS === 'long';
