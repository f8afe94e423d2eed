//! Messages of our own making.

mod reject;
mod request;
mod response;

pub use reject::reject;
pub use request::RequestBuilder;
pub use response::ResponseBuilder;
