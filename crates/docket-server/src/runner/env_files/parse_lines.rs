//! The lines of an env file, read as `docker run --env-file` reads them.

/// The lines `NAME=VALUE`. Empty lines and those that begin with `#` are skipped; a value is taken as
/// it is, with its quotation marks and the spaces at its end.
///
/// # Errors
/// The number of the first line that sets no variable, and what is wrong with it. Its text is not
/// shown: it may be part of a secret.
pub(super) fn variables(text: &str) -> Result<Vec<String>, (usize, &'static str)> {
    let mut variables = Vec::new();
    for (line, number) in text.split('\n').zip(1..) {
        let line = line.strip_suffix('\r').unwrap_or(line);
        // A file with old Mac line ends would be read as one variable with a long value.
        if line.contains('\r') {
            return Err((number, LONE_RETURN));
        }
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        check(line).map_err(|problem| (number, problem))?;
        variables.push(line.to_owned());
    }
    Ok(variables)
}

const LONE_RETURN: &str = "a carriage return without a line feed: save the file with LF or CRLF at the \
                           ends of lines";

fn check(line: &str) -> Result<(), &'static str> {
    // Docker's client passes its own variable on here. The server's are no container's business.
    let Some((name, _)) = line.split_once('=') else {
        return Err("no `=`: write NAME=VALUE (the server's own variables are not passed on)");
    };
    if name.is_empty() {
        return Err("no name before `=`: write NAME=VALUE");
    }
    if name.starts_with("export ") {
        return Err("`export` belongs to a shell: write NAME=VALUE");
    }
    if name.contains(char::is_whitespace) {
        return Err("white space before `=`: write NAME=VALUE");
    }
    if name.contains(is_invisible) {
        return Err("an invisible character before `=`: write NAME=VALUE");
    }
    Ok(())
}

/// Control characters, and those that set text without being seen.
fn is_invisible(c: char) -> bool {
    let has_no_width = matches!(
        c,
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
    );
    c.is_control() || has_no_width
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_docker_reads_them() {
        let text = "# a comment\nA=1\n\n  B= spaced \nC=\"quoted\" # no comment\nD=a=b\n\tE=\n";
        let read = ["A=1", "B= spaced ", "C=\"quoted\" # no comment", "D=a=b", "E="];
        assert_eq!(variables(text).unwrap(), read);
        assert_eq!(variables(&text.replace('\n', "\r\n")).unwrap(), read);
        assert_eq!(variables("A=1\nB=2\r").unwrap(), ["A=1", "B=2"]);
        assert_eq!(variables("A=\u{85}\u{2028}x").unwrap(), ["A=\u{85}\u{2028}x"]);
        assert_eq!(variables("\n\n").unwrap(), [] as [&str; 0]);
    }

    #[test]
    fn a_line_that_sets_no_variable_is_named_with_what_to_write() {
        for (text, number, problem) in [
            ("A=1\nFOO\n", 2, "no `=`"),
            ("A=1\r\n\r\n=1", 3, "no name before `=`"),
            ("export A=1", 1, "`export` belongs to a shell"),
            ("A = 1", 1, "white space before `=`"),
            ("A\u{a0}=1", 1, "white space before `=`"),
            ("A\u{200b}=1", 1, "an invisible character before `=`"),
            ("\u{feff}A=1", 1, "an invisible character before `=`"),
            ("A\u{7}=1", 1, "an invisible character before `=`"),
            ("A=1\rB=2\r", 1, "a carriage return without a line feed"),
        ] {
            let (line, error) = variables(text).unwrap_err();
            assert_eq!(line, number, "{text:?}");
            assert!(error.starts_with(problem), "{text:?}: {error}");
            assert!(
                error.contains("write NAME=VALUE") || error.contains("save the file"),
                "{error}"
            );
        }
    }
}
