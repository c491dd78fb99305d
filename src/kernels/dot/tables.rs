//! The tables that codes of 4 bits are places in, as kernels take them.

/// The levels of `IQ4_NL` and `IQ4_XS` (ggml's `kvalues_iq4nl`), each 128 more than it is.
pub const LEVELS: [u8; 16] = [1, 24, 45, 63, 79, 93, 106, 118, 129, 141, 153, 166, 181, 197, 217, 241];

/// The numbers of `MXFP4` (E2M1 of the OCP Microscaling formats), twice as large and 12 more than they are.
pub const FP4: [u8; 16] = [12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0];
