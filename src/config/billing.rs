//! The settings of paid subscriptions at Stripe: all that is needed, or none.

use std::num::NonZeroU32;

use clap::{Args, value_parser};

use super::setting::{Setting, deferred, optional, required, secret, text};
use super::{ConfigError, Secret, fault, origin};
use crate::domain::plan::{PRO_REQUESTS_PER_MINUTE, Plan};
use crate::domain::subscription::{Offer, STRIPE_ID_MAX_CHARS};

/// The beginnings of secret and restricted keys, and whether such a key moves real money.
const KEY_PREFIXES: [(&str, bool); 4] =
    [("sk_test_", false), ("rk_test_", false), ("sk_live_", true), ("rk_live_", true)];
/// The beginning of every secret that signs webhooks.
const WEBHOOK_SECRET_PREFIX: &str = "whsec_";
/// The beginning of the id of a price. A product's begins otherwise, and is easily taken for it.
const PRICE_PREFIX: &str = "price_";

/// The settings of billing, as given.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Subscriptions at Stripe")]
pub struct BillingSettings {
    /// The secret or restricted key of the Stripe account; turns billing on
    #[arg(long, env, global = true, value_name = "KEY", hide_env_values = true,
          value_parser = secret())]
    stripe_secret_key: Option<Setting<Secret>>,

    /// Secrets that sign the webhooks of Stripe, comma-separated; each is accepted
    #[arg(long, env, global = true, value_name = "SECRETS", hide_env_values = true,
          value_parser = secret())]
    stripe_webhook_secret: Option<Setting<Secret>>,

    /// The id of the price of a month
    #[arg(long, env, global = true, value_name = "ID", value_parser = text())]
    stripe_price_id: Option<Setting<String>>,

    /// The id of the price of a year [default: none]
    #[arg(long, env, global = true, value_name = "ID", value_parser = text())]
    stripe_price_id_yearly: Option<Setting<String>>,

    /// The origin of the Stripe API
    #[arg(long, env, global = true, value_name = "URL", default_value = "https://api.stripe.com",
          value_parser = text())]
    stripe_api_url: Setting<String>,

    /// Maximum number of prompts of an account with a subscription
    #[arg(long, env, global = true, value_name = "N", default_value = "5000",
          value_parser = deferred(value_parser!(u32).range(1..)))]
    pro_prompt_limit: Setting<u32>,

    /// Maximum number of requests a minute of a user with a subscription
    #[arg(long, env, global = true, value_name = "N", default_value = "600",
          value_parser = deferred(value_parser!(u32).range(1..=1_000_000)))]
    pro_rate_limit_per_minute: Setting<u32>,
}

/// Subscriptions at Stripe.
#[derive(Debug, Clone)]
pub struct Billing {
    /// The secret or restricted key of the account.
    pub secret_key: Secret,
    /// Whether the key moves real money.
    pub is_live: bool,
    /// Secrets that sign webhooks, at least one.
    pub webhook_secrets: Vec<Secret>,
    /// The id of the price of a month.
    pub monthly_price: String,
    /// The id of the price of a year, if it is sold.
    pub yearly_price: Option<String>,
    /// The origin of the Stripe API.
    pub api_url: String,
    /// Maximum number of prompts of an account with a subscription.
    pub prompt_limit: u32,
    /// Maximum number of requests a minute of a user with a subscription.
    pub rate_per_minute: NonZeroU32,
}

impl Billing {
    /// What the server sells.
    pub fn offer(&self) -> Offer {
        let prices = [&self.monthly_price].into_iter().chain(&self.yearly_price);
        Offer { prices: prices.cloned().collect(), is_live: self.is_live }
    }

    /// The plan of those who subscribe.
    pub fn plan(&self) -> Plan {
        Plan::pro(self.prompt_limit, Some(self.rate_per_minute))
    }
}

impl BillingSettings {
    /// Checks that all required settings are set, or none of them; and that people sign in where
    /// they pay.
    pub fn validate(&self, has_accounts: bool) -> Result<Option<Billing>, ConfigError> {
        let api_url = origin("STRIPE_API_URL", &required(&self.stripe_api_url)?)?;
        let prompt_limit = required(&self.pro_prompt_limit)?;
        let rate_per_minute = required(&self.pro_rate_limit_per_minute)?;
        // The parser refuses 0.
        let rate_per_minute = NonZeroU32::new(rate_per_minute).unwrap_or(PRO_REQUESTS_PER_MINUTE);
        let secret_key = optional(self.stripe_secret_key.as_ref())?;
        let webhook_secret = optional(self.stripe_webhook_secret.as_ref())?;
        let monthly_price = optional(self.stripe_price_id.as_ref())?;
        let yearly_price = optional(self.stripe_price_id_yearly.as_ref())?;
        let first = [
            ("STRIPE_SECRET_KEY", secret_key.is_some()),
            ("STRIPE_WEBHOOK_SECRET", webhook_secret.is_some()),
            ("STRIPE_PRICE_ID", monthly_price.is_some()),
            ("STRIPE_PRICE_ID_YEARLY", yearly_price.is_some()),
        ];
        let Some((first, _)) = first.into_iter().find(|(_, is_set)| *is_set) else {
            return Ok(None);
        };
        if !has_accounts {
            let message = format!("is missing, but {first} is set; only users of sign-in can pay");
            return Err(fault("WORKOS_CLIENT_ID", message));
        }
        let missing = |setting, value: &str| {
            fault(setting, format!("is missing, but {first} is set; set it to {value}"))
        };
        let secret_key = secret_key.ok_or_else(|| {
            missing("STRIPE_SECRET_KEY", "the account's key, which begins with sk_ or rk_")
        })?;
        let webhook_secret = webhook_secret.ok_or_else(|| {
            missing("STRIPE_WEBHOOK_SECRET", "the signing secret of the webhook, whsec_...")
        })?;
        let monthly_price = monthly_price.ok_or_else(|| {
            missing("STRIPE_PRICE_ID", "the id of the price of a month, price_...")
        })?;
        check_prices(&monthly_price, yearly_price.as_deref())?;
        Ok(Some(Billing {
            is_live: parse_mode(&secret_key)?,
            webhook_secrets: parse_webhook_secrets(&webhook_secret)?,
            secret_key,
            monthly_price,
            yearly_price,
            api_url,
            prompt_limit,
            rate_per_minute,
        }))
    }
}

/// Returns whether a key moves real money. An error does not quote the key.
fn parse_mode(key: &Secret) -> Result<bool, ConfigError> {
    let key = key.expose();
    let mode = KEY_PREFIXES.into_iter().find(|(prefix, _)| is_secret(key, prefix));
    mode.map(|(_, is_live)| is_live).ok_or_else(|| {
        let message = "must be a secret key (sk_live_..., sk_test_...) or a restricted key \
            (rk_live_..., rk_test_...)";
        fault("STRIPE_SECRET_KEY", message)
    })
}

/// Whether a text is more than the prefix that it begins with, and has neither spaces nor controls.
fn is_secret(text: &str, prefix: &str) -> bool {
    text.len() > prefix.len()
        && text.starts_with(prefix)
        && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn parse_webhook_secrets(setting: &Secret) -> Result<Vec<Secret>, ConfigError> {
    let mut secrets = Vec::new();
    for secret in setting.expose().split(',').map(str::trim) {
        if !is_secret(secret, WEBHOOK_SECRET_PREFIX) {
            let message = "must be the signing secret of the webhook, which begins with whsec_; \
                separate several by commas";
            return Err(fault("STRIPE_WEBHOOK_SECRET", message));
        }
        secrets.push(secret.to_owned().into());
    }
    Ok(secrets)
}

fn check_prices(monthly: &str, yearly: Option<&str>) -> Result<(), ConfigError> {
    let settings = [("STRIPE_PRICE_ID", Some(monthly)), ("STRIPE_PRICE_ID_YEARLY", yearly)];
    for (setting, id) in settings {
        if let Some(id) = id.filter(|id| !is_price(id)) {
            let message = format!("is {id}, but must be the id of a price, such as price_1AbC");
            return Err(fault(setting, message));
        }
    }
    if yearly == Some(monthly) {
        let message = "is the same as STRIPE_PRICE_ID; set it to the price of a year, or remove it";
        return Err(fault("STRIPE_PRICE_ID_YEARLY", message));
    }
    Ok(())
}

fn is_price(id: &str) -> bool {
    let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (PRICE_PREFIX.len() + 1..=STRIPE_ID_MAX_CHARS).contains(&id.len())
        && id.starts_with(PRICE_PREFIX)
        && id.bytes().all(is_valid)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, parse};
    use super::*;
    use crate::domain::plan;

    const SIGN_IN: [&str; 8] = [
        "--workos-client-id",
        "client_x",
        "--workos-api-key",
        "sk_test_x",
        "--authkit-domain",
        "https://x.authkit.app",
        "--cookie-secret",
        "0123456789abcdef0123456789abcdef",
    ];
    const COMPLETE: [&str; 6] = [
        "--stripe-secret-key",
        "sk_test_x",
        "--stripe-webhook-secret",
        "whsec_x",
        "--stripe-price-id",
        "price_month",
    ];

    /// The flags of a sign-in and of billing; the values of `changes` replace others.
    fn with(changes: &[&'static str]) -> Vec<&'static str> {
        let kept = COMPLETE.chunks(2).filter(|pair| !changes.contains(&pair[0])).flatten();
        SIGN_IN.iter().chain(kept).chain(changes).copied().collect()
    }

    fn billing(changes: &[&'static str]) -> Billing {
        parse(&with(changes)).billing.validate(true).unwrap().unwrap()
    }

    #[test]
    fn half_a_configuration_names_what_is_missing() {
        check(&with(&[]), Ok(()));
        for (flag, error) in [
            (
                "--stripe-secret-key",
                "STRIPE_SECRET_KEY is missing, but STRIPE_WEBHOOK_SECRET is set",
            ),
            (
                "--stripe-webhook-secret",
                "STRIPE_WEBHOOK_SECRET is missing, but STRIPE_SECRET_KEY is",
            ),
            ("--stripe-price-id", "STRIPE_PRICE_ID is missing, but STRIPE_SECRET_KEY is set"),
        ] {
            check(&with(&[flag, ""]), Err(error));
        }
        for pair in COMPLETE.chunks(2) {
            let alone: Vec<&str> = SIGN_IN.iter().chain(pair).copied().collect();
            check(&alone, Err("STRIPE_"));
        }
        let yearly = ["--stripe-price-id-yearly", "price_year"];
        check(
            &[&SIGN_IN[..], &yearly].concat(),
            Err("STRIPE_SECRET_KEY is missing, but STRIPE_PRICE_ID_YEARLY"),
        );
    }

    #[test]
    fn nobody_pays_without_signing_in() {
        check(&COMPLETE, Err("WORKOS_CLIENT_ID is missing, but STRIPE_SECRET_KEY is set"));
        for pair in COMPLETE.chunks(2) {
            check(pair, Err("WORKOS_CLIENT_ID is missing, but STRIPE_"));
        }
    }

    #[test]
    fn what_is_set_must_be_usable() {
        let cases: [(&[&'static str], &str); 16] = [
            (&["--stripe-secret-key", "pk_live_x"], "STRIPE_SECRET_KEY must be a secret key"),
            (&["--stripe-secret-key", "whsec_x"], "STRIPE_SECRET_KEY must be a secret key"),
            (&["--stripe-secret-key", "sk_test_x\n"], "STRIPE_SECRET_KEY must be a secret key"),
            (&["--stripe-secret-key", "sk_test_"], "STRIPE_SECRET_KEY must be a secret key"),
            (&["--stripe-secret-key", "rk_live_"], "STRIPE_SECRET_KEY must be a secret key"),
            (&["--stripe-webhook-secret", "whsec_a whsec_b"], "STRIPE_WEBHOOK_SECRET must be"),
            (&["--stripe-webhook-secret", "whsec_a\tb"], "STRIPE_WEBHOOK_SECRET must be"),
            (&["--stripe-webhook-secret", "sk_test_x"], "STRIPE_WEBHOOK_SECRET must be"),
            (&["--stripe-webhook-secret", "whsec_a,"], "STRIPE_WEBHOOK_SECRET must be"),
            (&["--stripe-webhook-secret", "whsec_"], "STRIPE_WEBHOOK_SECRET must be"),
            (&["--stripe-price-id", "prod_x"], "STRIPE_PRICE_ID is prod_x, but must be"),
            (&["--stripe-price-id-yearly", "price_a b"], "STRIPE_PRICE_ID_YEARLY is price_a b"),
            (&["--stripe-price-id-yearly", "price_month"], "STRIPE_PRICE_ID_YEARLY is the same"),
            (&["--stripe-api-url", "http://stripe.example"], "STRIPE_API_URL is"),
            (&["--stripe-api-url", "https://api.stripe.com/v1"], "STRIPE_API_URL is"),
            (&["--pro-rate-limit-per-minute", "0"], "PRO_RATE_LIMIT_PER_MINUTE"),
        ];
        for (changes, error) in cases {
            check(&with(changes), Err(error));
        }
        check(&["--pro-prompt-limit", "0"], Err("PRO_PROMPT_LIMIT"));
        check(&with(&["--stripe-api-url", "http://127.0.0.1:8423/"]), Ok(()));
        check(&with(&["--stripe-api-url", "http://[::1]:8423"]), Ok(()));
    }

    #[test]
    fn the_limits_are_those_of_the_table_of_plans_unless_they_are_set() {
        let billing = billing(&[]);
        assert_eq!(billing.prompt_limit, plan::PRO_PROMPTS);
        assert_eq!(billing.rate_per_minute, plan::PRO_REQUESTS_PER_MINUTE);
        let set = self::billing(&["--pro-prompt-limit", "7", "--pro-rate-limit-per-minute", "9"]);
        assert_eq!((set.prompt_limit, u32::from(set.rate_per_minute)), (7, 9));
    }

    #[test]
    fn the_key_decides_whether_money_is_real() {
        for (key, is_live) in
            [("sk_test_x", false), ("rk_test_x", false), ("sk_live_x", true), ("rk_live_x", true)]
        {
            let offer = billing(&["--stripe-secret-key", key]).offer();
            assert_eq!(offer, Offer { prices: vec!["price_month".to_owned()], is_live });
        }
        let both = billing(&["--stripe-price-id-yearly", "price_year"]).offer();
        assert_eq!(both.prices, ["price_month", "price_year"]);
    }

    #[test]
    fn webhook_secrets_rotate() {
        let secrets = billing(&["--stripe-webhook-secret", "whsec_new, whsec_old"]).webhook_secrets;
        let secrets: Vec<&str> = secrets.iter().map(Secret::expose).collect();
        assert_eq!(secrets, ["whsec_new", "whsec_old"]);
    }

    #[test]
    fn neither_debug_nor_an_error_quotes_a_secret() {
        let settings = parse(&with(&["--stripe-secret-key", "sk_test_7hidden"]));
        let billing = settings.billing.validate(true).unwrap();
        for text in [format!("{settings:?}"), format!("{billing:?}")] {
            assert!(text.contains("[redacted]") && !text.contains("7hidden"), "{text}");
            assert!(!text.contains("whsec_x"), "{text}");
        }
        for changes in
            [["--stripe-secret-key", "pk_7hidden"], ["--stripe-webhook-secret", "7hidden"]]
        {
            let error = parse(&with(&changes)).billing.validate(true).unwrap_err().to_string();
            assert!(!error.contains("7hidden"), "{error}");
        }
    }
}
