//! Checks that no files of this crate, or of an engine's own crate, import each other in a circle.
//!
//! The check reads `use` declarations and inline paths that begin with `crate`, `super` or a module of the
//! file. A name that a module re-exports counts as an import of the file that defines it, so a
//! `mod.rs` that only re-exports is not part of a circle. Test code is ignored.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

type Module = Vec<String>;

/// A source file: what it imports, and what it re-exports under which name.
#[derive(Debug, Default)]
struct Source {
    imports: Vec<Module>,
    exports: BTreeMap<String, Module>,
}

#[derive(Debug)]
struct Graph(BTreeMap<Module, Source>);

impl Graph {
    fn read(directory: &Path) -> Self {
        let mut files = Vec::new();
        collect(directory, &mut Vec::new(), &mut files);
        Self(
            files
                .into_iter()
                .map(|(module, text)| (module.clone(), source(&module, &text)))
                .collect(),
        )
    }

    /// The file that defines what a path names, after all re-exports.
    fn target(&self, path: &[String], depth: usize) -> Option<&Module> {
        let mut end = path.len();
        while end > 0 && !self.0.contains_key(&path[..end]) {
            end -= 1;
        }
        let (module, source) = self.0.get_key_value(&path[..end])?;
        match path.get(end).and_then(|name| source.exports.get(name)) {
            Some(exported) if depth < 8 => {
                let rest = path[end + 1..].iter().cloned();
                let path: Module = exported.iter().cloned().chain(rest).collect();
                self.target(&path, depth + 1)
            }
            _ => Some(module),
        }
    }

    fn edges(&self) -> BTreeMap<&Module, BTreeSet<&Module>> {
        let edges = self.0.iter().map(|(module, source)| {
            let targets = source.imports.iter().filter_map(|path| self.target(path, 0));
            (module, targets.filter(|target| *target != module).collect())
        });
        edges.collect()
    }

    /// The sets of files in which each reaches each other.
    fn circles(&self) -> Vec<Vec<String>> {
        let edges = self.edges();
        let reach: BTreeMap<_, _> =
            edges.keys().map(|from| (*from, reached(&edges, from))).collect();
        let mut circles = BTreeSet::new();
        for (from, reached) in &reach {
            let mut circle: Vec<_> = reached
                .iter()
                .filter(|to| reach[*to].contains(from))
                .map(|to| to.join("::"))
                .collect();
            if !circle.is_empty() {
                circle.sort();
                circles.insert(circle);
            }
        }
        circles.into_iter().collect()
    }
}

fn reached<'a>(
    edges: &BTreeMap<&'a Module, BTreeSet<&'a Module>>,
    from: &Module,
) -> BTreeSet<&'a Module> {
    let (mut found, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(next) = open.pop() {
        for target in &edges[next] {
            if found.insert(*target) {
                open.push(target);
            }
        }
    }
    found
}

fn collect(directory: &Path, module: &mut Module, files: &mut Vec<(Module, String)>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if ["tests", "contract", "scripted_engine", "simulation", "import_cycle_check"]
            .contains(&name.as_str())
        {
            continue;
        }
        let is_root = ["mod", "lib"].contains(&name.as_str());
        if !is_root {
            module.push(name);
        }
        if path.is_dir() {
            collect(&path, module, files);
        } else {
            files.push((module.clone(), fs::read_to_string(&path).unwrap()));
        }
        if !is_root {
            module.pop();
        }
    }
}

fn source(module: &[String], text: &str) -> Source {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let code: Vec<_> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let code = code.join("\n");
    let mut source = Source::default();
    let mut rest = String::new();
    let declared: Vec<_> = children(&code).collect();
    for statement in code.split_inclusive(';') {
        let start = statement.rfind("use ").filter(|start| is_use(&statement[..*start]));
        let Some(start) = start else {
            rest.push_str(statement);
            continue;
        };
        let is_export = statement[..start]
            .trim_end()
            .lines()
            .last()
            .is_some_and(|line| line.trim_start().starts_with("pub"));
        for path in expand(statement[start + 4..].trim_end_matches(';')) {
            let (path, name) = path
                .split_once(" as ")
                .map_or((path.as_str(), None), |(path, name)| (path, Some(name)));
            let Some(absolute) = absolute(module, &declared, path) else { continue };
            match name.or(path.rsplit("::").next()).filter(|_| is_export) {
                Some(name) => drop(source.exports.insert(name.to_owned(), absolute)),
                None => source.imports.push(absolute),
            }
        }
    }
    let children: Vec<_> = children(&rest).collect();
    let prefixes = ["crate", "super", "self"].into_iter().chain(children.iter().copied());
    for prefix in prefixes.map(|prefix| format!("{prefix}::")) {
        for (at, _) in rest.match_indices(&prefix) {
            let is_in_path = |char: char| char.is_alphanumeric() || char == '_' || char == ':';
            let is_whole = !rest[..at].ends_with(|char| is_in_path(char) || char == '$');
            let path = rest[at..].split(|char| !is_in_path(char)).next().unwrap_or_default();
            if is_whole {
                source.imports.extend(absolute(module, &children, path));
            }
        }
    }
    source
}

/// The modules that a file declares.
fn children(code: &str) -> impl Iterator<Item = &str> {
    code.lines().filter_map(|line| line.rsplit_once("mod ")?.1.strip_suffix(';'))
}

/// True if what stands before `use` on its line is nothing or a visibility.
fn is_use(before: &str) -> bool {
    let line = before.rsplit('\n').next().unwrap_or_default().trim();
    line.is_empty() || line == "pub" || line.starts_with("pub(") && line.ends_with(')')
}

/// The paths of a `use` tree, without white space but before and after `as`.
fn expand(tree: &str) -> Vec<String> {
    let tree = tree.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut paths = Vec::new();
    expand_into("", &tree, &mut paths);
    paths
}

fn expand_into(prefix: &str, tree: &str, paths: &mut Vec<String>) {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else {
        if !tree.is_empty() {
            paths.push(format!(
                "{prefix}{}",
                tree.trim_end_matches("::self").trim_end_matches("self")
            ));
        }
        return;
    };
    let head = &tree[..open];
    let body = &tree[open + 1..tree.rfind('}').unwrap_or(tree.len())];
    let (mut depth, mut start) = (0, 0);
    for (at, char) in body.char_indices().chain([(body.len(), ',')]) {
        match char {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                expand_into(&format!("{prefix}{head}"), &body[start..at], paths);
                start = at + 1;
            }
            _ => {}
        }
    }
}

/// The path from the root of the crate; `None` for a path into another crate.
fn absolute(module: &[String], children: &[&str], path: &str) -> Option<Module> {
    let mut segments =
        path.split("::").map(str::trim).filter(|segment| !segment.is_empty()).peekable();
    let mut base = match segments.peek().copied()? {
        "crate" => {
            segments.next();
            Vec::new()
        }
        "self" => {
            segments.next();
            module.to_vec()
        }
        "super" => module.to_vec(),
        child if children.contains(&child) => module.to_vec(),
        _ => return None,
    };
    while segments.peek() == Some(&"super") {
        segments.next();
        base.pop();
    }
    base.extend(segments.map(str::to_owned));
    Some(base)
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    for directory in ["src", "../docket-kubernetes/src"] {
        let graph = Graph::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(directory));

        let circles = graph.circles();

        assert!(
            circles.is_empty(),
            "{directory}: files import each other in a circle: {circles:#?}"
        );
    }
}

#[test]
fn nothing_but_the_configuration_knows_docker_outside_of_its_directories() {
    let mut files = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut Vec::new(), &mut files);
    let knows = |(module, text): &(Module, String)| {
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let is_docker = ["docker", "docker_api"]
            .iter()
            .any(|directory| module.starts_with(&["engine".to_owned(), (*directory).to_owned()]));
        // Its client, its status codes, and the exit code of a killed container.
        let names = ["bollard", "docker::", "io.docker", "501", "NOT_IMPLEMENTED", "137"];
        !is_docker && code.into_iter().any(|line| names.iter().any(|name| line.contains(name)))
    };

    let files = files.iter().filter(|file| knows(file)).map(|(module, _)| module.join("::"));

    // The configuration chooses the engine, and the formats 1 and 2 are of the time when Docker was the only one.
    let allowed = BTreeSet::from(
        ["config::config_error", "config::engines::connect", "store::old_formats::queries"]
            .map(str::to_owned),
    );
    assert_eq!(files.collect::<BTreeSet<_>>(), allowed);
}
