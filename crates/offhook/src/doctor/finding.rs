//! One line of the doctor's report.

use std::fmt::Write as _;

use offhook_platform::Exit;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Severity {
    Ok,
    Warn,
    Fail,
}

/// What was looked at, and what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    severity: Severity,
    subject: &'static str,
    detail: String,
    mend: Option<String>,
}

impl Finding {
    /// It works.
    pub(super) fn ok(subject: &'static str, detail: impl Into<String>) -> Self {
        Self { severity: Severity::Ok, subject, detail: detail.into(), mend: None }
    }

    /// It works, and may not be what its owner wants.
    pub(super) fn warn(subject: &'static str, detail: impl Into<String>) -> Self {
        Self { severity: Severity::Warn, ..Self::ok(subject, detail) }
    }

    /// It does not work.
    pub(super) fn fail(subject: &'static str, detail: impl Into<String>) -> Self {
        Self { severity: Severity::Fail, ..Self::ok(subject, detail) }
    }

    /// Says how to mend it.
    pub(super) fn mend(mut self, how: impl Into<String>) -> Self {
        self.mend = Some(how.into());
        self
    }
}

/// All findings as text, and how the command is to end.
pub(super) fn report(findings: &[Finding]) -> (String, Exit) {
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let mut text = String::new();
    for finding in findings {
        let word = match finding.severity {
            Severity::Ok => "ok  ",
            Severity::Warn => "warn",
            Severity::Fail => "FAIL",
        };
        let _ = writeln!(text, "{word}  {:<13}  {}", finding.subject, finding.detail);
        if let Some(mend) = &finding.mend {
            let _ = writeln!(text, "{:<19}  -> {mend}", "");
        }
    }
    let (warnings, failures) = (count(Severity::Warn), count(Severity::Fail));
    let _ = match (failures, warnings) {
        (0, 0) => writeln!(text, "\nEverything looks well."),
        (0, 1) => writeln!(text, "\nIt can run; 1 warning."),
        (0, _) => writeln!(text, "\nIt can run; {warnings} warnings."),
        (1, _) => writeln!(text, "\n1 thing must be mended."),
        (_, _) => writeln!(text, "\n{failures} things must be mended."),
    };
    (text, if failures == 0 { Exit::Success } else { Exit::Failure })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_makes_the_command_fail() {
        let ok = Finding::ok("database", "writable");
        let warn = Finding::warn("address", "127.0.0.1").mend("set sip.advertise");
        let fail = Finding::fail("ports", "taken").mend("choose another");
        let (text, exit) = report(&[ok.clone(), warn.clone()]);
        let expected = "ok    database       writable\n\
                        warn  address        127.0.0.1\n\
                        \x20                    -> set sip.advertise\n\
                        \nIt can run; 1 warning.\n";
        assert_eq!((text.as_str(), exit), (expected, Exit::Success));
        assert_eq!(report(&[ok.clone(), fail, warn]).1, Exit::Failure);
        assert_eq!(report(&[ok]).0.lines().last(), Some("Everything looks well."));
    }
}
