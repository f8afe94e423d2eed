//! Tones: written as WAV files for the phones to play, found again in what they recorded.

use std::f64::consts::TAU;
use std::path::Path;

/// Samples per second of every file (that of G.711).
pub const SAMPLE_RATE_HZ: u32 = 8000;

/// A tone by its frequency.
///
/// The tones differ by more than a window of analysis can blur, and none is a harmonic of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tone {
    /// The frequency in hertz.
    pub hz: u32,
}

impl Tone {
    /// The tones that the phones of a test play.
    pub const ALL: [Self; 4] =
        [Self { hz: 440 }, Self { hz: 1000 }, Self { hz: 1730 }, Self { hz: 2570 }];

    /// Writes a 16-bit mono WAV file of this tone.
    ///
    /// # Panics
    /// When the file cannot be written.
    pub fn write_wav(self, path: &Path, seconds: u32) {
        let samples = SAMPLE_RATE_HZ * seconds;
        let bytes = samples * 2;
        let mut file = Vec::with_capacity(44 + bytes as usize);
        file.extend_from_slice(b"RIFF");
        file.extend_from_slice(&(36 + bytes).to_le_bytes());
        file.extend_from_slice(b"WAVEfmt ");
        file.extend_from_slice(&16u32.to_le_bytes());
        file.extend_from_slice(&1u16.to_le_bytes()); // linear PCM
        file.extend_from_slice(&1u16.to_le_bytes()); // one channel
        file.extend_from_slice(&SAMPLE_RATE_HZ.to_le_bytes());
        file.extend_from_slice(&(SAMPLE_RATE_HZ * 2).to_le_bytes());
        file.extend_from_slice(&2u16.to_le_bytes()); // bytes per frame
        file.extend_from_slice(&16u16.to_le_bytes()); // bits per sample
        file.extend_from_slice(b"data");
        file.extend_from_slice(&bytes.to_le_bytes());
        for sample in 0..samples {
            file.extend_from_slice(&self.sample(sample).to_le_bytes());
        }
        std::fs::write(path, file).expect("a tone can be written");
    }

    fn sample(self, index: u32) -> i16 {
        let phase = f64::from(self.hz) * f64::from(index) / f64::from(SAMPLE_RATE_HZ);
        ((TAU * phase).sin() * AMPLITUDE) as i16
    }

    /// How much of the energy of the samples lies at this frequency: 1 for the pure tone, 0 for
    /// silence or for another tone (the algorithm of Goertzel).
    #[must_use]
    pub fn share(self, samples: &[i16]) -> f64 {
        let energy: f64 = samples.iter().map(|&sample| f64::from(sample).powi(2)).sum();
        let audible = SILENCE.powi(2) * samples.len() as f64;
        if energy < audible {
            return 0.0;
        }
        let step = TAU * f64::from(self.hz) / f64::from(SAMPLE_RATE_HZ);
        let coefficient = 2.0 * step.cos();
        let (mut last, mut before) = (0.0, 0.0);
        for &sample in samples {
            let next = f64::from(sample) + coefficient * last - before;
            before = last;
            last = next;
        }
        let power = last * last + before * before - coefficient * last * before;
        2.0 * power / (energy * samples.len() as f64)
    }
}

/// How a recording splits into windows of a tenth of a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Windows in which the expected tone is nearly all there is.
    pub clear: usize,
    /// Windows in which the unwanted tone can be found.
    pub unwanted: usize,
    /// All windows.
    pub windows: usize,
}

impl Heard {
    /// Looks for one tone and for another that must not be there.
    #[must_use]
    pub fn in_samples(samples: &[i16], expected: Tone, unwanted: Tone) -> Self {
        let mut heard = Self::default();
        for window in samples.chunks_exact(SAMPLE_RATE_HZ as usize / 10) {
            heard.windows += 1;
            heard.clear += usize::from(expected.share(window) > 0.8);
            heard.unwanted += usize::from(unwanted.share(window) > 0.05);
        }
        heard
    }
}

/// The samples of a 16-bit mono WAV file, which may still be growing: the lengths in the header
/// are those of a finished file, so what follows the header counts.
#[must_use]
pub fn read_wav(path: &Path) -> Vec<i16> {
    let Ok(bytes) = std::fs::read(path) else { return Vec::new() };
    let Some(data) = bytes.windows(4).position(|word| word == b"data") else { return Vec::new() };
    let samples = bytes.get(data + 8..).unwrap_or_default();
    samples.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

const AMPLITUDE: f64 = 8000.0;
/// Root mean square below which a window counts as silent.
const SILENCE: f64 = 100.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_that_was_written_is_found_and_no_other() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tone.wav");
        for tone in Tone::ALL {
            tone.write_wav(&path, 1);
            let samples = read_wav(&path);
            assert_eq!(samples.len(), 8000);
            for other in Tone::ALL.into_iter().filter(|&other| other != tone) {
                let heard = Heard::in_samples(&samples, tone, other);
                assert_eq!(
                    heard,
                    Heard { clear: 10, unwanted: 0, windows: 10 },
                    "{tone:?} {other:?}"
                );
            }
        }
    }

    #[test]
    fn silence_and_a_mixture_are_not_a_tone() {
        let [first, second, ..] = Tone::ALL;
        let silence = vec![0; 1600];
        assert_eq!(Heard::in_samples(&silence, first, second).clear, 0);
        let mixture: Vec<i16> =
            (0..1600).map(|i| first.sample(i) / 2 + second.sample(i) / 2).collect();
        let heard = Heard::in_samples(&mixture, first, second);
        assert_eq!((heard.clear, heard.unwanted), (0, 2));
    }
}
