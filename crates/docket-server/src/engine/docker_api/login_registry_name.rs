//! Names of images, as Docker's logins know their registries.

pub(in crate::engine) use docket_model::image_name::ImageReference as Reference;

/// Under what Docker's client keeps the login of the default registry.
const DEFAULT_REGISTRY_LOGIN: &str = "https://index.docker.io/v1/";

/// Under what Docker's client keeps the login of an image's registry.
pub(in crate::engine) fn login_key(image: &Reference) -> &str {
    match image.registry() {
        "docker.io" | "index.docker.io" => DEFAULT_REGISTRY_LOGIN,
        registry => registry,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_registry_has_a_login_key_of_its_own() {
        for (image, expected) in [
            ("busybox", DEFAULT_REGISTRY_LOGIN),
            ("index.docker.io/me/tool", DEFAULT_REGISTRY_LOGIN),
            ("localhost/tool", "localhost"),
            ("reg.example:5000/a:v.1", "reg.example:5000"),
        ] {
            assert_eq!(login_key(&Reference::parse(image).unwrap()), expected);
        }
    }
}
