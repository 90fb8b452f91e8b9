//! Random streams by task: one seed a run, a stream for each (task, index), never one for a thread.
//!
//! A stream depends on nothing but its three names, so work may be spread over any number of threads and comes out
//! with the same bytes.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

/// The generator of every stream: PCG XSL RR 128/64 (O'Neill 2014).
pub type Stream = Pcg64;

/// The stream of `task` (a path such as `"segment/kmeans"`) and `index` under `seed`.
///
/// ```
/// use rand::Rng;
/// let mut a = tenure_math::rng::stream(7, "segment/kmeans", 0);
/// let mut b = tenure_math::rng::stream(7, "segment/kmeans", 0);
/// let mut c = tenure_math::rng::stream(7, "segment/kmeans", 1);
/// let x = a.next_u64();
/// assert_eq!(x, b.next_u64());
/// assert_ne!(x, c.next_u64());
/// ```
#[must_use]
pub fn stream(seed: u64, task: &str, index: u64) -> Stream {
    // FNV-1a over the task's name keeps streams of different tasks apart; SplitMix64 spreads the three words over the
    // generator's 256 bits of state.
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in task.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    let mut state = seed ^ hash.rotate_left(17) ^ index.wrapping_mul(0xd605_1f47_5f1e_4b2d);
    let mut bytes = [0_u8; 32];
    for chunk in bytes.chunks_exact_mut(8) {
        chunk.copy_from_slice(&split_mix(&mut state).to_le_bytes());
    }
    Pcg64::from_seed(bytes)
}

/// A 64-bit seed for an engine that takes one number, drawn from the stream of the same names.
#[must_use]
pub fn seed_of(seed: u64, task: &str, index: u64) -> u64 {
    use rand::Rng;
    stream(seed, task, index).next_u64()
}

/// `m` different rows of `n`, ascending, by selection sampling (Knuth, vol. 2, algorithm S); all rows where `m >= n`.
///
/// ```
/// use tenure_math::rng;
/// let rows = rng::sample(100, 5, &mut rng::stream(7, "doc", 0));
/// assert!(rows.len() == 5 && rows.is_sorted() && rows.iter().all(|row| *row < 100));
/// assert_eq!(rng::sample(3, 9, &mut rng::stream(7, "doc", 0)), [0, 1, 2]);
/// ```
#[must_use]
pub fn sample(n: usize, m: usize, stream: &mut Stream) -> Vec<usize> {
    let m = m.min(n);
    let mut rows = Vec::with_capacity(m);
    for i in 0..n {
        if stream.random::<f64>() * ((n - i) as f64) < (m - rows.len()) as f64 {
            rows.push(i);
        }
    }
    rows
}

/// One step of SplitMix64 (Steele, Lea and Flood 2014).
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
