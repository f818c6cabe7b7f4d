//! Decoders are total, bounded, and do not care where the stream was cut.

use std::ops::ControlFlow;

use proactor_server::{Assembler, Codec, Decoded, Endian, FrameError, Framing, Width};
use proptest::prelude::*;

const MOST: usize = 100;

/// What a stream is cut into, chunk by chunk, and the error if there is one.
fn messages<'a>(
    framing: &Framing,
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Vec<u8>>, Option<FrameError>, bool) {
    let (mut assembler, mut found) = (Assembler::default(), Vec::new());
    for chunk in chunks {
        let fed = assembler.feed(framing, MOST, chunk, |message| {
            found.push(message.to_vec());
            ControlFlow::Continue(())
        });
        if let Err(error) = fed {
            return (found, Some(error), false);
        }
    }
    (found, None, assembler.is_empty())
}

/// A type byte, a length byte, the message, and a check byte.
struct Checked;

impl Codec for Checked {
    fn decode(&self, input: &[u8], seen: usize, most: usize) -> Result<Decoded, FrameError> {
        assert!(seen < input.len(), "it is asked again only about more");
        if input[0] != 7 {
            return Err(FrameError::Malformed("no such type"));
        }
        let Some(&length) = input.get(1) else { return Ok(Decoded::Need(2)) };
        let end = 2 + usize::from(length);
        if end - 2 > most {
            return Err(FrameError::TooLong { claimed: end - 2, most });
        }
        let Some(&check) = input.get(end) else { return Ok(Decoded::Need(end + 1)) };
        if check != input[2..end].iter().fold(0, |sum, byte| sum ^ byte) {
            return Err(FrameError::Malformed("the check is wrong"));
        }
        Ok(Decoded::Message { start: 2, end, used: end + 1 })
    }

    fn encode(&self, message: &[u8], _: usize, frame: &mut Vec<u8>) -> Result<(), FrameError> {
        frame.extend([7, message.len() as u8]);
        frame.extend(message);
        frame.push(message.iter().fold(0, |sum, byte| sum ^ byte));
        Ok(())
    }
}

fn framed() -> Vec<Framing> {
    let mut all = vec![Framing::lines(), Framing::delimiter(b"aab"), Framing::codec(Checked)];
    for width in [Width::One, Width::Two, Width::Four] {
        all.extend([Framing::length(width, Endian::Big), Framing::length(width, Endian::Little)]);
    }
    all
}

#[test]
fn a_stream_cut_at_any_byte_gives_the_same_messages() {
    let all: [&[u8]; 5] = [b"one", b"", b"a", &[b'x'; MOST], b"last a"];
    for framing in framed() {
        let stream: Vec<u8> = all.iter().flat_map(|each| framing.encode(each, MOST).unwrap()).collect();
        for cut in 0..=stream.len() {
            let (found, error, between) = messages(&framing, [&stream[..cut], &stream[cut..]]);
            assert_eq!((error, between), (None, true), "{framing:?} cut at {cut}");
            assert_eq!(found, all, "{framing:?} cut at {cut}");
        }
        assert_eq!(messages(&framing, stream.chunks(1)), (all.map(<[u8]>::to_vec).into(), None, true));
    }
}

#[test]
fn a_claim_beyond_the_limit_is_refused_by_its_header() {
    let framing = Framing::length(Width::Four, Endian::Little);
    let refused = messages(&framing, [&[0xFF; 4][..]]).1;
    assert_eq!(refused, Some(FrameError::TooLong { claimed: u32::MAX as usize, most: MOST }));
    let framing = Framing::length(Width::Two, Endian::Big);
    assert_eq!(messages(&framing, [&[0, 101][..]]).1, Some(FrameError::TooLong { claimed: 101, most: MOST }));
    assert_eq!(messages(&framing, [&[0, 100][..]]).1, None);
}

#[test]
fn a_line_without_end_is_refused_when_it_is_too_long() {
    let long = [b'x'; MOST + 2];
    for framing in [Framing::lines(), Framing::delimiter(b";")] {
        assert!(matches!(messages(&framing, long.chunks(7)).1, Some(FrameError::TooLong { .. })));
        assert_eq!(messages(&framing, [&long[..MOST]]).1, None);
    }
}

#[test]
fn a_return_before_the_line_feed_is_no_part_of_the_line() {
    assert_eq!(messages(&Framing::lines(), [&b"a\r\n\r\nb\rc\n"[..]]).0, [&b"a"[..], b"", b"b\rc"]);
}

#[test]
fn what_can_not_be_told_apart_is_not_encoded() {
    assert_eq!(Framing::lines().encode(b"a\nb", MOST), Err(FrameError::Delimiter));
    // "aa" and the delimiter "aab" would be "aaaab": found where it is. "xa" before "aab" is, too.
    assert!(Framing::delimiter(b"aab").encode(b"aa", MOST).is_ok());
    assert_eq!(Framing::delimiter(b"abab").encode(b"ab", MOST), Err(FrameError::Delimiter));
    let one = Framing::length(Width::One, Endian::Big);
    assert_eq!(one.encode(&[0; 256], 1000), Err(FrameError::TooLong { claimed: 256, most: 255 }));
    assert!(one.encode(&[0; 255], 1000).is_ok());
}

/// Answers as nobody should.
struct Liar(Decoded);

impl Codec for Liar {
    fn decode(&self, _: &[u8], _: usize, _: usize) -> Result<Decoded, FrameError> {
        Ok(self.0)
    }
    fn encode(&self, _: &[u8], _: usize, _: &mut Vec<u8>) -> Result<(), FrameError> {
        Err(FrameError::Malformed("never"))
    }
}

#[test]
fn a_codec_that_answers_nonsense_is_an_error_and_no_panic() {
    let message = |start, end, used| Decoded::Message { start, end, used };
    let nonsense = [
        Decoded::Need(0),
        Decoded::Need(3),
        Decoded::Need(usize::MAX),
        message(0, 0, 0),
        message(2, 1, 3),
        message(0, 3, 2),
        message(0, 4, 4),
        message(usize::MAX, usize::MAX, usize::MAX),
    ];
    for lie in nonsense {
        assert!(messages(&Framing::codec(Liar(lie)), [&b"abc"[..]]).1.is_some(), "{lie:?}");
    }
}

/// Cuts a stream at places a seed gives.
fn cut<'a>(stream: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<_> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
    places.extend([0, stream.len()]);
    places.sort_unstable();
    places.windows(2).map(|pair| &stream[pair[0]..pair[1]]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_encoded_is_decoded_wherever_it_is_cut(
        which in 0..9usize,
        all in prop::collection::vec(prop::collection::vec(b'A'..=b'z', 0..=MOST), 0..12),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..10),
    ) {
        let framing = &framed()[which];
        let fits: Vec<_> = all.into_iter().filter(|each| framing.encode(each, MOST).is_ok()).collect();
        let stream: Vec<u8> = fits.iter().flat_map(|each| framing.encode(each, MOST).unwrap()).collect();
        prop_assert_eq!(messages(framing, cut(&stream, &cuts)), (fits, None, true));
    }

    #[test]
    fn garbage_is_the_same_garbage_wherever_it_is_cut(
        which in 0..9usize,
        garbage in prop::collection::vec(prop_oneof![any::<u8>(), Just(0), Just(7), Just(b'\n'), Just(b'a'), Just(b'b')], 0..600),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..10),
    ) {
        let framing = &framed()[which];
        let (whole, error, between) = messages(framing, [&garbage[..]]);
        let (pieces, cut_error, cut_between) = messages(framing, cut(&garbage, &cuts));
        prop_assert!(whole.iter().all(|message| message.len() <= MOST));
        prop_assert_eq!(whole, pieces);
        let kind = |error: Option<FrameError>| error.map(|error| std::mem::discriminant(&error));
        prop_assert_eq!((kind(error), between), (kind(cut_error), cut_between));
    }
}
