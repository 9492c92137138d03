//! Texts with and without placeholders of other tools, each with those that are found in it.

use std::collections::BTreeSet;

use super::{blank_variables, scan};

/// Texts as their authors write them for other tools.
const WITH: &[(&str, &[&str])] = &[
    // Commands of Claude Code.
    ("Fix issue #$ARGUMENTS following our coding standards.", &["$ARGUMENTS"]),
    ("Compare $1 and $2", &["$1", "$2"]),
    ("Compare the differences between $1 and $2, then list them.", &["$1", "$2"]),
    ("Review PR #$1 with priority $2 and assign it to $3.", &["$1", "$2", "$3"]),
    ("Migrate the component from $1 to $2", &["$1", "$2"]),
    ("Port $0 to $1.", &["$0", "$1"]),
    ("Read docs/$1.md and src/$2/index.ts", &["$1", "$2"]),
    ("Write tests for $1", &["$1"]),
    ("Changes: !`git diff $1`\nSummarise them.", &["$1"]),
    ("Run `npm test -- $ARGUMENTS` and fix what fails.", &["$ARGUMENTS"]),
    ("```bash\ngh issue view $ARGUMENTS --json title\n```", &["$ARGUMENTS"]),
    ("Use $ARGUMENTS[0] as the branch.", &["$ARGUMENTS"]),
    ("---\nargument-hint: [amount] [currency]\n---\nEstimate what $1 costs in $2.", &["$1", "$2"]),
    // Prompt files of VS Code.
    ("Create a form named ${input:formName}.", &["${input:formName}"]),
    ("Write it in ${input:lang:TypeScript or Rust}", &["${input:lang:TypeScript or Rust}"]),
    ("Explain ${selection} in ${file}.", &["${selection}", "${file}"]),
    ("Scan `${workspaceFolder}` for dead code.", &["${workspaceFolder}"]),
    ("Run `deploy --to ${input:stage}`.", &["${input:stage}"]),
    // Prompts of prompts.chat.
    ("Act as a guide for ${City:Paris}.", &["${City:Paris}"]),
    (
        "I want you to act as a ${role} for ${audience: beginners}",
        &["${role}", "${audience: beginners}"],
    ),
    ("写一篇关于${主题}的文章", &["${主题}"]),
    ("My first request is \"[REQUEST]\"", &["[REQUEST]"]),
    // Brackets of people.
    ("Write an essay about [TOPIC].", &["[TOPIC]"]),
    ("Dear [Name],\n\nthank you for choosing [Company Name].", &["[Name]", "[Company Name]"]),
    ("Act as [ROLE] and write for [TARGET AUDIENCE].", &["[ROLE]", "[TARGET AUDIENCE]"]),
    (
        "Plan a trip to [insert city here] for [your budget].",
        &["[insert city here]", "[your budget]"],
    ),
    ("Translate to [target language]: [PASTE TEXT]", &["[target language]", "[PASTE TEXT]"]),
    ("Compare [PRODUCT 1] with [PRODUCT 2].", &["[PRODUCT 1]", "[PRODUCT 2]"]),
    ("Summarise this text:\n[TEXT]\nin three points.", &["[TEXT]"]),
    (
        "From [START DATE] to [END DATE], for [USER NAME]: [ERROR MESSAGE]",
        &["[START DATE]", "[END DATE]", "[USER NAME]", "[ERROR MESSAGE]"],
    ),
    ("Write to [recipient] about [subject].", &["[recipient]", "[subject]"]),
    ("请介绍[城市]的历史", &["[城市]"]),
    ("为[产品名称]写一段[风格]的文案", &["[产品名称]", "[风格]"]),
    ("[都市名]の観光案内を書いて", &["[都市名]"]),
    ("[도시]에 대한 글을 써 줘", &["[도시]"]),
    ("Напиши рассказ про [ГОРОД] и [главный герой].", &["[ГОРОД]", "[главный герой]"]),
    ("Γράψε για [θέμα].", &["[θέμα]"]),
    ("اكتب مقالا عن [الموضوع]", &["[الموضوع]"]),
    ("כתוב על [נושא] בקצרה", &["[נושא]"]),
    ("[शहर] के बारे में लिखो", &["[शहर]"]),
    ("Schreib über [THEMA] für [ZIELGRUPPE].", &["[THEMA]", "[ZIELGRUPPE]"]),
    // Templates of LangChain and Python.
    ("Tell me a {adjective} joke about {content}.", &["{adjective}", "{content}"]),
    ("Question: {question}\nContext: {context}\nAnswer:", &["{question}", "{context}"]),
    ("Summarise { topic } for { target audience }.", &["{ topic }", "{ target audience }"]),
    ("<context>{context}</context>\n<question>{question}</question>", &["{context}", "{question}"]),
    ("Text: ```{text}```", &["{text}"]),
    ("```\n{document}\n```\nSummarise it.", &["{document}"]),
    ("Summarise {text} from {source} in {n_words} words;", &["{text}", "{source}", "{n_words}"]),
    ("Input: {input} => {output}", &["{input}", "{output}"]),
    ("Save it as {file_name}.md", &["{file_name}"]),
    ("写一首关于{主题}的诗", &["{主题}"]),
    ("Use `{tone}` as the tone.", &["{tone}"]),
    (
        r#"A poster of {argument name="city" default="Rome"}"#,
        &[r#"{argument name="city" default="Rome"}"#],
    ),
    // Jinja, Liquid, Handlebars, Mustache, n8n, Dify, Go.
    ("Dear {{ user.name }},", &["{{ user.name }}"]),
    ("Hello {{ name | default(\"friend\") }}!", &["{{ name | default(\"friend\") }}"]),
    ("{% if formal %}Dear{% endif %} {{name}}", &["{% if formal %}", "{% endif %}"]),
    (
        "{{#each items}}- {{this.title}}\n{{/each}}",
        &["{{#each items}}", "{{this.title}}", "{{/each}}"],
    ),
    ("{{#if premium}}Thanks!{{/if}}", &["{{#if premium}}", "{{/if}}"]),
    ("{{> header}} {{first name}}", &["{{> header}}", "{{first name}}"]),
    ("Body: {{{body}}}", &["{{{body}}}"]),
    ("Reply to {{ $json.email }}", &["{{ $json.email }}"]),
    ("Use {{#context#}} only.", &["{{#context#}}"]),
    ("Hi {{ .FirstName }}", &["{{ .FirstName }}"]),
];

/// Texts with the same signs in another sense.
const WITHOUT: &[&str] = &[
    // Shell.
    "Print the first column with awk '{print $1}' and sort it.",
    "```sh\nawk '{print $1, $2}' log.txt | sort\n```",
    "Use `awk '{print $1}'` for that.",
    "if [ -z \"$1\" ]; then exit 1; fi",
    "echo \"$1\" && rm -rf \"$2\"",
    "```bash\nfor f in \"$@\"; do echo ${f} $1; done\n```",
    "$ cp $1 $2",
    "Set ${HOME} and ${DATABASE_URL} first; ${PORT:-3000} is the default.",
    "perl -pe 's/(a)(b)/$2$1/' and sed 's/x/$1/'",
    "Run `ls ${dir}` and `git log ${branch}..main`.",
    "curl -H \"Accept: {type}\" $1",
    // Prices.
    "It costs $5.",
    "Buy one for $1, two for $2.",
    "A plan for $1,000 or $1 more.",
    "Between $5 and $9 per month",
    "Prices range from $1 to $5.",
    "I have $1 in my pocket.",
    "From $100 down to $1 and $2",
    "A tip of $1 to $2 is fine.",
    "The top tier is $9/mo, the next $2/user.",
    "He owes me $3.",
    "Lunch at $7, dinner at $8",
    // Numbers, references, checkboxes, links.
    "King Louis {XIV} and {III}",
    "As shown in [1], [2, 3] and [Smith 2020], also [12].",
    "- [x] done\n- [ ] open\n- [X] closed",
    "See [the DOCS](https://acme.io), [TEXT][ref] and ![LOGO](logo.png).",
    "[DOCS]: https://acme.io\n[API GUIDE]: https://acme.io/api",
    "[[WIKI PAGE]] and [^NOTE] and [!WARNING]",
    "He said [sic] that [see below] it was [...] fine [citation needed].",
    "According to [RFC2119], [ISO 9001] and [GPT-4]",
    // Labels, headings, levels.
    "[ROLE]\nYou are a teacher.\n\n[TASK]\nExplain fractions.",
    "[NOTE] Be brief. [IMPORTANT] No lists.",
    "Mark each finding as [CRITICAL], [HIGH], [MEDIUM] or [LOW].",
    "[INFO] started\n[ERROR 2] failed",
    "[QUOTE]To be or not to be[/QUOTE]",
    "[Verse 1]\nla la\n[Chorus]\nlo lo",
    "Prefix commits with [FEAT], [FIX] or [DOCS].",
    "Answer [YES/NO] or [TRUE, FALSE].",
    "[INST] Hello [/INST]",
    "[图1] 显示 [注] 和 [参考文献]",
    "[примечание] см. [рис. 1] и [1]",
    "[REDACTED] signed it.",
    // LaTeX and mathematics.
    r"\frac{a}{b} + \sqrt{word}",
    r"\begin{figure}[h]\caption{Results}\end{figure}",
    r"\usepackage[utf8]{inputenc}",
    "For {n} in the set {x} with x^{n} and a_{ij}",
    r"Escape \{name\} and \[TEXT\].",
    "$a_{ij}$ and $${ab}$$",
    // Programs.
    "print(f\"Hello {name}\")",
    "Use f\"{first} {last}\" there.",
    "```python\nf\"{x}\" + \"{name}\".format(name=1)\nx = [NAME, AGE]\n```",
    "println!(\"{name}\");",
    "import {useState} from 'react'; const {a} = props;",
    "const { data } = useQuery();",
    "function f(x) { return x }",
    "struct Point { x, y } enum Colour { Red }",
    "<p>{name}</p> <Button onClick={save}>{label}</Button>",
    "@param {string} name The name. {@link Other}",
    "rows[INDEX] and map[KEY] and [A-Z]+ and [^ABC]*",
    "Match \\d{3}, .{2} and (ab){word}.",
    "GET /users/{id}/posts/{post_id} and https://acme.io/?q={query}",
    "SELECT name FROM users WHERE id = $1 AND age > $2",
    "INSERT INTO t VALUES ($1, $2)",
    "Svelte: {#if ok}yes{/if}, Ruby: #{value}, C#: $\"{value}\"",
    "Usage: tool [OPTIONS] [FILE NAME] <path>",
    "Routes such as app/[name]/page.tsx and [name].[hash].js",
    "A cell like A$1 or $A$2",
    "/^[WORD]+$/ and `arr[NAME]`",
    // JSON, CSS, templates of other kinds.
    r#"{"topic": "x", "tags": ["A", "B"], "n": {"a": 1}}"#,
    "Return { \"name\": string } and {}.",
    "p { color: red } .box {margin: 0}",
    "style={{color: 'red'}} and {{\"a\": 1}}",
    "if: ${{ github.event_name == 'push' }}",
    "{{cite web |url=https://acme.io |title=Acme}}",
    // Variables of ours.
    r"{{topic}} \{{a.b}} {{first-name}} {{ Größe }}",
    "An aside {which nobody has to read at all} stays.",
];

fn find(content: &str) -> BTreeSet<&str> {
    let outside = blank_variables(content);
    let mut found = BTreeSet::new();
    scan::for_each(&outside, |one| {
        found.insert(&content[one.range]);
    });
    found
}

#[test]
fn exactly_the_placeholders_of_the_table_are_found() {
    let without = WITHOUT.iter().map(|text| (*text, &[][..]));
    let wrong: Vec<_> = WITH
        .iter()
        .copied()
        .chain(without)
        .filter_map(|(text, expected)| {
            let found = find(text);
            let expected: BTreeSet<&str> = expected.iter().copied().collect();
            (found != expected).then(|| format!("{text:?}: found {found:?}, expected {expected:?}"))
        })
        .collect();
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        WITH.len() + WITHOUT.len(),
        wrong.join("\n")
    );
    assert!(WITH.len() >= 60 && WITHOUT.len() >= 60, "{} {}", WITH.len(), WITHOUT.len());
}
