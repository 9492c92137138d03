//! Pages and routes for browsers.

mod assets;
pub(crate) mod own_sign_in;
pub(crate) mod pages;
pub(crate) mod sign_in;
pub(crate) mod site;
pub(crate) mod widget;

pub use self::assets::compress_assets;
pub(crate) use self::assets::find_stylesheet;
