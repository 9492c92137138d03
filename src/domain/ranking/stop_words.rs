//! Words that say little about the prompt that is meant.
//!
//! In a small library, where they may be rare, their frequency does not show that.

/// Function words of English, and the most frequent ones of German, French, Spanish, Portuguese and
/// Italian, folded as [`split_words`](crate::domain::words::split_words) does, in ascending order.
#[rustfmt::skip] // One word a line would be a long file.
const STOP_WORDS: &[&str] = &[
    "a", "aber", "about", "above", "after", "again", "against", "ain", "al", "all", "almost",
    "along", "already", "also", "although", "always", "am", "among", "an", "and", "another",
    "any", "anybody", "anyone", "anything", "are", "aren", "around", "as", "asked", "at", "au",
    "auch", "auf", "aus", "aux", "avec", "be", "because", "been", "before", "bei", "being",
    "below", "between", "bitte", "both", "but", "by", "can", "cannot", "ce", "ces", "cette",
    "che", "chi", "com", "come", "comment", "como", "con", "could", "cuando", "da", "dans", "das",
    "dass", "de", "del", "dem", "den", "der", "des", "di", "dich", "did", "didn", "die", "diese",
    "dieser", "dieses", "do", "does", "doesn", "doing", "don", "donde", "done", "dos", "down",
    "du", "durch", "during", "e", "each", "ein", "eine", "einem", "einen", "einer", "eines",
    "either", "el", "ela", "ele", "ella", "elle", "elles", "ellos", "else", "em", "en", "er",
    "es", "est", "esta", "estan", "et", "etc", "ete", "eu", "even", "ever", "every", "everybody",
    "everyone", "everything", "few", "find", "foi", "for", "from", "fue", "fur", "further",
    "gave", "get", "give", "given", "gli", "go", "goes", "going", "gone", "got", "haben", "had",
    "has", "hasn", "hat", "hatte", "have", "haven", "having", "he", "hello", "help", "her",
    "here", "hers", "herself", "hey", "hi", "him", "himself", "his", "how", "however", "i", "ich",
    "if", "ihr", "il", "ils", "im", "in", "into", "is", "isn", "ist", "it", "its", "just", "kann",
    "kein", "keine", "kindly", "know", "konnen", "la", "le", "les", "less", "let", "lets", "leur",
    "like", "lo", "los", "lot", "ma", "mais", "make", "many", "mas", "may", "maybe", "me", "mean",
    "mein", "meine", "mes", "mi", "mich", "might", "mir", "mis", "mit", "moins", "mon", "more",
    "most", "much", "must", "muy", "my", "myself", "na", "nach", "nao", "nas", "ne", "need",
    "neither", "never", "nicht", "no", "nobody", "noch", "non", "none", "nor", "nos", "nosotros",
    "not", "nothing", "nous", "now", "nur", "o", "oder", "of", "off", "often", "oh", "ok", "okay",
    "on", "once", "one", "only", "onto", "or", "os", "other", "others", "ou", "ought", "our",
    "ourselves", "out", "over", "own", "par", "para", "pas", "per", "perhaps", "pero", "piu",
    "please", "por", "pour", "prompt", "prompts", "que", "qui", "quien", "quite", "quoi",
    "rather", "really", "sa", "same", "sao", "say", "schon", "se", "see", "sehr", "ser", "ses",
    "shall", "she", "should", "shouldn", "show", "si", "sich", "sie", "since", "sind", "so",
    "some", "someone", "something", "sono", "sont", "soon", "sous", "still", "su", "such", "sur",
    "sure", "sus", "ta", "take", "tell", "tes", "than", "thank", "thanks", "that", "the", "their",
    "them", "themselves", "then", "there", "these", "they", "thing", "things", "this", "those",
    "though", "through", "thus", "till", "to", "together", "too", "toward", "tu", "tus", "uber",
    "um", "uma", "umas", "un", "una", "unas", "und", "under", "une", "unless", "uno", "unos",
    "uns", "unter", "until", "up", "upon", "us", "use", "using", "very", "vom", "vor", "vous",
    "want", "wanted", "wants", "waren", "was", "wasn", "way", "we", "well", "wenn", "went", "wer",
    "werden", "were", "weren", "what", "when", "whenever", "where", "whereas", "wherever",
    "whether", "which", "while", "who", "whoever", "whole", "whom", "whose", "why", "wie", "will",
    "wir", "wird", "with", "within", "without", "wo", "won", "would", "wouldn", "yes", "yet",
    "yo", "you", "your", "yourself", "yourselves", "zum", "zur",
];

/// Whether a folded word is a stop word.
pub(super) fn is_stop_word(word: &str) -> bool {
    STOP_WORDS.binary_search(&word).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::words::split_words;

    #[test]
    fn stop_words_are_folded_and_in_ascending_order() {
        assert!(STOP_WORDS.is_sorted_by(|one, next| one < next));
        for word in STOP_WORDS {
            assert_eq!(split_words(word), [*word]);
        }
    }
}
