"""The fixed prose of a model card: what no run can measure."""

INTENDED = """\
To find, in one's own collection, recordings in which a chosen part (drums, bass, piano, guitar,
other, or a blend of them) *sounds* like that part of another recording: for listening, crate
digging, playlists, practice, research on timbre and production. It is not made to identify
recordings or their owners, to judge whether one work copies another, or to rate players."""

NOT_SIMILAR = """\
A score says that two parts sound alike to this network: the instrument, its register and tone,
the kit, the effects and the room. That it also hears how a part is played has not been shown. It
does **not** say:

- **that the melody, the harmony or the composition is the same.** A cover version is not found for
  being a cover, and two pieces by one writer are not alike for that reason. Transposing or
  rewriting the notes was never something that the network was asked to notice.
- **that genre, mood, era or lyrics are the same.** They come along only as far as they go with a
  sound.
- **that one is as good as the other.** Nothing in it knows quality, skill or fame.
- **who plays.** In training, the truth was "this is the same stem of the same piece"; that two
  recordings by one drummer are near each other is hoped for and was not taught.
- **anything about singers.** A voice belongs to *other*, together with strings, winds, organs,
  synthesisers and everything else without a part of its own. Two songs whose *other* is alike may
  have voices, or strings, or neither in common.
- **how far apart two things are, on a scale that means something.** Scores rank one library for
  one question. They are not probabilities, they are not comparable between models, and a score
  of 0.8 for drums is not "as alike" as 0.8 for piano.
- **that people agree.** No listening test is part of these figures. They count how often a network
  finds another mix of the same stem again, which is neither necessary nor sufficient for what
  a listener calls similar.

The network learnt from synthesised music: General MIDI files played with SoundFonts, by which the
same few sampled instruments return in many pieces. Real instruments, amplifiers, rooms, singing
and mastering vary far more than that. Expect less on recordings than on the synthesised test set;
the section on recorded music says what is known of it."""

PROTOCOL = """\
For each part, the part's stem of each of n pieces is put into several pseudo-mixes whose other
stems come from other pieces; segments are told by their five nearest neighbours inside the part's
subspace, and the answer is right if the piece is (the paper's protocol, arXiv 2404.06682). *Strict*
also forbids the same passage of the same stem in other mixes, so that a segment must be told by
its sound and not by its notes. *All labels* asks for one piece among all of the pool. Intervals are
95 % bootstraps over pieces."""

LEAKAGE = """\
The same test, read in the subspace of another part. The diagonal should be high, and everything
else at chance: what is above it is a part that is heard where it does not belong."""

PRESENCE = """\
Pseudo-mixes of random subsets of stems; a part is there when it is within 25 dB of the mix.
Inference calls a part present from the threshold on."""

REAL = """\
Recorded stems, never trained on. Where a column says "of 3" there were three pieces to choose from,
so chance is 1 in 3 and a figure says little beyond these very pieces; compare it with its own
chance, not with the synthesised column."""
