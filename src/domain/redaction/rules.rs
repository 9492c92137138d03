//! The table of rules: a regular expression for each shape, and the check of its matches.
//!
//! The shapes of keys follow each provider's documentation. Boundaries are those of ASCII words,
//! `(?-u:\b)`, so that a secret is also found between words of a script without spaces. The `regex`
//! crate has no backtracking, so that no text makes a rule slow. A bounded repetition of a class such
//! as `\p{L}` compiles to that many copies of it, up to megabytes, so these repetitions are unbounded.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::{Kind, personal_data, secrets};

/// The bytes of a text to replace, or `None` if a match is not what its shape suggests.
pub(super) type Span = Option<Range<usize>>;

/// Decides on a match. The range is that of the group `v`, or of the whole match in a pattern
/// without that group; the text before and after it is context.
type Check = fn(&str, Range<usize>) -> Span;

/// Accepts every match, for shapes that leave no doubt.
const ACCEPT: Check = |_, found| Some(found);

/// A shape, its check, and the kind of what they find.
pub(super) struct Rule {
    pub(super) kind: Kind,
    pattern: Regex,
    check: Check,
}

impl Rule {
    fn new(kind: Kind, pattern: &str, check: Check) -> Self {
        let pattern = Regex::new(pattern).expect("the patterns of this file are well formed");
        Self { kind, pattern, check }
    }

    /// Returns the accepted matches, in order and without overlaps.
    pub(super) fn find_spans(&self, text: &str) -> Vec<Range<usize>> {
        let has_part = self.pattern.captures_len() > 1;
        let mut spans = Vec::new();
        let mut at = 0;
        while let Some(found) = self.pattern.find_at(text, at) {
            let part = if has_part {
                // Groups cost a second, slower search, so only a match pays for them.
                let captures = self.pattern.captures_at(text, at);
                captures.and_then(|captures| captures.name("v")).unwrap_or(found)
            } else {
                found
            };
            // No pattern matches the empty text, so each round makes progress.
            at = found.end();
            if let Some(span) = (self.check)(text, part.range()) {
                // A check may extend a match to the end of its value.
                at = at.max(span.end);
                spans.push(span);
            }
        }
        spans
    }
}

/// Keys whose format identifies the provider.
const PROVIDER_KEYS: &str = r"(?x) (?-u:\b)(?:
    (?:AKIA|ASIA)[A-Z2-7]{16}                                      # AWS
  | gh[pousr]_[A-Za-z0-9]{36,251} | github_pat_[A-Za-z0-9_]{60,}   # GitHub
  | gl(?:pat|ptt|dt|rt|ft|soat|cbt|imt|agent|oas|ffct)-[A-Za-z0-9_\-.]{20,} # GitLab
  | xox[abceoprs]-[A-Za-z0-9\-]{20,} | xapp-\d-[A-Za-z0-9\-]{20,}  # Slack
  | (?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,} | whsec_[A-Za-z0-9+/]{24,}=* # Stripe, webhooks
  | sk-(?:ant-|or-|proj-|svcacct-|admin-|lf-)?[A-Za-z0-9_\-]{32,}  # OpenAI and compatible
  | AIza[A-Za-z0-9_\-]{35} | ya29\.[A-Za-z0-9_\-.]{30,} | GOCSPX-[A-Za-z0-9_\-]{24,} | 1//0[A-Za-z0-9_\-]{40,} # Google
  | AAAA[A-Za-z0-9_\-]{7}:APA91b[A-Za-z0-9_\-]{100,} | sk\.eyJ1[A-Za-z0-9_\-]{20,}\.[A-Za-z0-9_\-]{20,} # Firebase, Mapbox
  | [A-Za-z0-9_~.\-]{3}[78]Q~[A-Za-z0-9_~.\-]{31,34}               # Microsoft Entra
  | npm_[A-Za-z0-9]{36} | pypi-AgE[A-Za-z0-9_\-]{50,} | rubygems_[0-9a-f]{48} | cio[A-Za-z0-9]{32} | dckr_[po]at_[A-Za-z0-9_\-]{20,} # registries
  | hf_[A-Za-z0-9]{30,} | api_org_[A-Za-z]{34} | r8_[A-Za-z0-9]{37} # Hugging Face, Replicate
  | gsk_[A-Za-z0-9]{40,} | pplx-[A-Za-z0-9]{40,} | xai-[A-Za-z0-9]{60,} # Groq, Perplexity, xAI
  | lsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10} | pcsk_[A-Za-z0-9]{4,8}_[A-Za-z0-9]{40,} | tvly-[A-Za-z0-9\-]{24,} | fc-[0-9a-f]{32} # LangSmith, Pinecone, Tavily, Firecrawl
  | SG\.[A-Za-z0-9_\-]{16,32}\.[A-Za-z0-9_\-]{32,64} | re_[A-Za-z0-9]{8}_[A-Za-z0-9]{20,} | xkeysib-[0-9a-f]{64}-[A-Za-z0-9]{16} # SendGrid, Resend, Brevo
  | SK[0-9a-f]{32} | (?:key|pubkey)-[0-9a-f]{32} | [0-9a-f]{32}-us\d{1,2} # Twilio, Mailgun, Mailchimp
  | [0-9]{8,10}:AA[A-Za-z0-9_\-]{32,34}                            # Telegram
  | [MNO][A-Za-z0-9_\-]{23,27}\.[A-Za-z0-9_\-]{6}\.[A-Za-z0-9_\-]{27,40} # Discord
  | do[opr]_v1_[0-9a-f]{64} | HRKU-[A-Za-z0-9_\-]{36,} | shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32} # DigitalOcean, Heroku, Shopify
  | FlyV1\ fm[12]_[A-Za-z0-9+/=_,]{40,} | fm[12]_[A-Za-z0-9+/=_,]{60,} | fo1_[A-Za-z0-9_\-]{40,} # Fly
  | sq0(?:atp|csp|idp)-[A-Za-z0-9_\-]{22,43} | EAAA[A-Za-z0-9_\-]{56,62} # Square
  | dapi[0-9a-f]{32}(?:-\d)? | lin_(?:api|oauth)_[A-Za-z0-9]{32,}  # Databricks, Linear
  | (?:secret|ntn)_[A-Za-z0-9]{40,} | fig[dour]_[A-Za-z0-9_\-]{36,} | pat[A-Za-z0-9]{14}\.[0-9a-f]{64} # Notion, Figma, Airtable
  | sntry[su]_[A-Za-z0-9_\-+/=]{40,} | (?:NRAK|NRII|NRJS)-[A-Za-z0-9]{19,} | gl(?:sa|c)_[A-Za-z0-9_+/=]{30,} | phx_[A-Za-z0-9]{40,} # Sentry, New Relic, Grafana, PostHog
  | sbp_[0-9a-f]{40} | sb_secret_[A-Za-z0-9_\-]{20,} | vercel_blob_rw_[A-Za-z0-9_]{30,} | vc[kpira]_[A-Za-z0-9]{40,} # Supabase, Vercel
  | dp\.(?:pt|ct|scim|audit|sa|st(?:\.[a-z0-9_\-]{2,35})?)\.[A-Za-z0-9]{40,} | hv[sbr]\.[A-Za-z0-9_\-]{24,} | [A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_\-=]{60,} # Doppler, Vault, Terraform
  | (?:prod|dev|preview|project):[a-z0-9\-:]+\|[A-Za-z0-9+/=_\-]{20,} # Convex
  | AGE-SECRET-KEY-1[A-Z0-9]{58} | PMAK-[0-9a-f]{24}-[0-9a-f]{34} | pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_\-.=]{32,} # age, Postman, PlanetScale
  | ATATT3[A-Za-z0-9_\-=]{150,} | bk[a-z]{2}_[0-9a-f]{40} | nfp_[A-Za-z0-9]{36} | rnd_[A-Za-z0-9]{28,} # Atlassian, Buildkite, Netlify, Render
  | sk_[A-Za-z0-9]{40,}                                            # others in Stripe's format
)";

/// Names of a password, in an assignment or before a verb of a sentence.
const PASSWORD_NAMES: &str = "password|passwort|kennwort|passwd|passphrase|passcode|pwd|pswd|passw|\
    contraseña|contrasena|senha|mot de passe|mdp|parola|parolă|hasło|haslo|heslo|jelszó|lozinka|\
    wachtwoord|lösenord|adgangskode|salasana|şifre|kata sandi|mật khẩu|κωδικός|пароль|пароля|\
    كلمة المرور|סיסמה|पासवर्ड|পাসওয়ার্ড|รหัสผ่าน|密码|口令|密碼|パスワード|비밀번호|암호|\
    (?-u:\\b|_)(?:pass|pw)(?-u:\\b)";

/// Names of a key in prose, as opposed to identifiers in code.
const KEY_WORDS: &str = r"(?-u:\b|_)(?:api[ \-_]?(?:key|token|secret|schlüssel)|(?:zugangs)?schlüssel|clave(?: secreta| privada)?(?: de(?: la)?)?(?: api| aws| acceso)?|chave(?: secreta)?(?: de| da)?(?: api)?|chiave(?: segreta)?(?: api)?|klucz(?: api)?|secret|token|jeton|(?:access|auth|secret|client|license|deploy|admin|private)[ _]key|credential)(?-u:\b)|clé(?: secrète)?(?: d['’]api| api)?|ключ(?: api)?|токен|密钥|秘钥|金鑰|令牌|キー|トークン|키|토큰";

/// Forms of "to be" between a name and its value.
const VERBS: &str = "is|was|ist|lautet|war|es|est|era|é|è|jest|to|это|är|er|on";
/// Particles with the same role in scripts without spaces.
const PARTICLES: &str = "は|が|是|为|為|는|은|이|가";

/// All rules. An earlier rule wins where matches overlap, so the specific ones come first.
pub(super) static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let mut rules = secret_rules();
    rules.extend(assignment_rules());
    rules.extend(personal_data_rules());
    rules
});

/// Rules for secrets that their shape identifies.
fn secret_rules() -> Vec<Rule> {
    let rule = Rule::new;
    vec![
        rule(
            Kind::PrivateKey,
            r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----[^-]*(?:-{1,4}[^-]+)*-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----",
            secrets::check_key_block,
        ),
        // A block without its end continues as long as its lines look like base64.
        rule(
            Kind::PrivateKey,
            r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----(?:\s*[A-Za-z\-]{4,12}: [^\n\\]*)*(?:\s*[A-Za-z0-9+/=]{24,})+",
            ACCEPT,
        ),
        rule(
            Kind::Jwt,
            r"(?-u:\b)eyJ[A-Za-z0-9_\-]{8,}\.eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{16,}",
            ACCEPT,
        ),
        rule(Kind::ApiKey, PROVIDER_KEYS, secrets::check_provider_key),
        rule(
            Kind::ApiKey,
            r"https://(?:hooks\.slack\.com/(?:services|workflows)|(?:ptb\.|canary\.)?discord(?:app)?\.com/api/webhooks)/(?P<v>[A-Za-z0-9_/\-]{30,})",
            ACCEPT,
        ),
        rule(
            Kind::ApiKey,
            r"[?&](?:sig|signature|key|code|appid)=(?P<v>[A-Za-z0-9%_\-]{24,})",
            secrets::check_random,
        ),
        rule(
            Kind::Password,
            r"(?i)(?-u:\b)[a-z][a-z0-9+.\-]{1,20}://[^\s:/@]*:(?P<v>[^\s/@]+)@[^\s/]",
            secrets::check_url_password,
        ),
        rule(
            Kind::Password,
            r"(?i)(?-u:\b)basic\s+(?P<v>[A-Za-z0-9+/]{8,}={0,2})",
            secrets::check_basic_credentials,
        ),
        rule(
            Kind::ApiKey,
            r"(?i)(?-u:\b)bearer\s+(?P<v>[A-Za-z0-9_\-.~+/=]{16,})",
            secrets::check_random,
        ),
    ]
}

/// Rules for secrets that a name before them identifies.
fn assignment_rules() -> Vec<Rule> {
    let rule = Rule::new;
    let verb = format!(r"(?:\s+(?:\p{{L}}+\s+){{0,5}}?(?:{VERBS})\s*:?\s+|\s*(?:{PARTICLES})\s*)");
    vec![
        rule(
            Kind::Password,
            &format!(
                r#"(?i)(?:[a-z0-9_.\-]*(?:{PASSWORD_NAMES})(?:[_\-]\d)?)(?:\\?["'\]`*])*\s*(?::=|=>|={{1,2}}|:|：|＝){{1,2}}\**\s*"#
            ),
            secrets::check_assigned_password,
        ),
        rule(
            Kind::Password,
            &format!(r#"(?i)(?:{PASSWORD_NAMES})(?:{verb}|["']\s*,\s*|["']?>|\s+)"#),
            secrets::check_password_in_prose,
        ),
        rule(
            Kind::Password,
            r#"(?-u:\b)(?:curl|http|wget)(?-u:\b)[^\n]{0,200}?\s(?:-u|--user|--password|-a)[ =]?["']?[^\s:"']{1,64}[:=](?P<v>[^\s"']{4,})"#,
            secrets::check_command_password,
        ),
        rule(
            Kind::Password,
            r#"(?i)(?:with password|identified by(?: password)?|convertto-securestring(?: -string)?)\s+["'](?P<v>[^\n"']{4,200})["']"#,
            secrets::check_command_password,
        ),
        rule(
            Kind::Password,
            r#"(?-u:\b)(?:sshpass\s+-p\s*|mysql(?:dump)?(?-u:\b)[^\n]{0,100}?\s(?:-p|--password=)|docker\s+login(?-u:\b)[^\n]{0,100}?\s(?:-p|--password)[ =]|redis-cli(?-u:\b)[^\n]{0,100}?\s-a\s)["']?(?P<v>[^\s"']{4,})"#,
            secrets::check_command_password,
        ),
        rule(
            Kind::ApiKey,
            r#"(?i)(?:[a-z0-9_.\-]*(?:key|secret|token|credentials?|api[ _\-]?key|secret[ _\-]key|access[ _\-](?:key|token)|auth[ _\-](?:key|token))(?:[_\-](?:value|base|\d))?)(?:\\?["'\]`*])*\s*(?::=|=>|={1,2}|:|：|＝){1,2}\**\s*"#,
            secrets::check_assigned_key,
        ),
        rule(
            Kind::ApiKey,
            &format!(
                r#"(?i)(?:{KEY_WORDS})["'”»*]{{0,2}}(?:\s+[\p{{L}}'’]+){{0,5}}?\s*(?:{PARTICLES}|[:：=]{{1,2}})?\s*["'`“«]?(?P<v>[A-Za-z0-9_\-+/=.~]{{20,}})"#
            ),
            secrets::check_random,
        ),
    ]
}

/// Rules for personal data.
fn personal_data_rules() -> Vec<Rule> {
    let rule = Rule::new;
    // Letters of scripts that are written with spaces. Others would make the words around an address
    // part of it.
    let letter = r"\p{Latin}\p{Cyrillic}\p{Greek}0-9";
    let sep = r"[ .\-/\u{a0}]";
    vec![
        rule(
            Kind::Email,
            &format!(
                r"(?i)(?:o['’])?[{letter}][{letter}._%+\-]*@(?:[{letter}\-]+\.)+[a-z]{{2,24}}(?-u:\b)"
            ),
            personal_data::check_email,
        ),
        rule(
            Kind::Iban,
            r"(?-u:\b)[A-Z]{2}\d{2}(?:[ ]?[A-Z0-9]{4}){2,7}(?:[ ]?[A-Z0-9]{1,4})?(?-u:\b)",
            personal_data::check_iban,
        ),
        rule(
            Kind::CardNumber,
            r"(?-u:\b)\d{4}[ \-]?\d{4,6}[ \-]?\d{4,5}(?:[ \-]?\d{1,4})?(?:[ \-]?\d{1,3})?(?-u:\b)",
            personal_data::check_card,
        ),
        rule(
            Kind::IpAddress,
            r"(?-u:\b)(?:\d{1,3}\.){3}\d{1,3}(?-u:\b)",
            personal_data::check_address,
        ),
        rule(
            Kind::IpAddress,
            r"(?i)(?-u:\b)(?:[0-9a-f]{1,4}:){1,7}(?::?[0-9a-f]{1,4}){1,7}(?-u:\b)",
            personal_data::check_address,
        ),
        // With a country code.
        rule(
            Kind::Phone,
            &format!(
                r"(?:\+|(?-u:\b)00)[1-9]\d{{0,2}}{sep}?(?:\(0?\d{{1,4}}\){sep}?)?\d{{1,5}}(?:{sep}?\d{{2,6}}){{1,4}}(?-u:\b)"
            ),
            personal_data::check_phone,
        ),
        // National forms of North America, Brazil, Russia and Chinese mobiles.
        rule(
            Kind::Phone,
            r"\([2-9]\d{2}\) ?[2-9]\d{2}[.\- ]\d{4}(?-u:\b)|(?-u:\b)[2-9]\d{2}[.\-][2-9]\d{2}[.\-]\d{4}(?-u:\b)|\([1-9]\d\) ?9?\d{4}-\d{4}(?-u:\b)|(?-u:\b)8 ?\(\d{3,4}\) ?\d{2,3}-\d{2}-\d{2}(?-u:\b)|(?-u:\b)1[3-9]\d[ \-]\d{4}[ \-]\d{4}(?-u:\b)",
            personal_data::check_phone,
        ),
        // With the trunk prefix 0, which many countries use.
        rule(
            Kind::Phone,
            r"(?:(?-u:\b)0[1-9]\d{0,4}|\(0[1-9]\d{0,4}\))(?:[ \-/]\d{2,8}|\.\d{2}){1,4}(?-u:\b)",
            personal_data::check_national_phone,
        ),
        // Any number after a word such as "phone".
        rule(
            Kind::Phone,
            r"(?i)(?:(?-u:\b)(?:phone|tel|telephone|telefon|telefono|teléfono|telefone|téléphone|telefoon|mobile|mobil|mob|móvil|celular|portable|cellulare|cell|handy|handynummer|fax|whatsapp|signal|call(?: me)?(?: at| on)?|ring|text me at|ruf|appelez)(?-u:\b)|телефон|тел|звоните|моб|电话|電話|手机|手機|携帯|전화|휴대폰|फ़ोन|هاتف)[.]?(?:\s+\p{L}+){0,3}?(?:番号|号码?|번호)?\s*(?:no|nr|n°)?[.]?\s*(?:is|ist|es|est|é|=|:|：|は|是|为|는|은)?\s*(?P<v>\(?\d{2,5}\)?[ .\-/]?\d{2,8}(?:[ .\-/]?\d{2,5}){0,4})(?-u:\b)",
            personal_data::check_labelled_phone,
        ),
    ]
}
