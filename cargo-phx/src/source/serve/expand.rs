//! Macros with expressions in them, such as `tokio::join!(..)`, as calls.
//!
//! The parser keeps the inside of a macro as tokens. A server may stand in there, so the analysis
//! works on a tree in which such macros are calls of the same expressions, in the same places.

use proc_macro2::TokenStream;
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::visit_mut::{self, VisitMut};
use syn::{
    Expr, ExprCall, ExprPath, File, Macro, MacroDelimiter, Pat, Stmt, StmtMacro, Token, token,
};

use crate::source::paths;

/// Returns the file with macros as calls.
pub(crate) fn expanded(file: &File) -> File {
    let mut file = file.clone();
    Expand.visit_file_mut(&mut file);
    file
}

struct Expand;

impl VisitMut for Expand {
    fn visit_stmt_mut(&mut self, stmt: &mut Stmt) {
        if let Stmt::Macro(StmtMacro {
            mac, semi_token, ..
        }) = stmt
            && let Some(call) = call(mac)
        {
            *stmt = Stmt::Expr(call, *semi_token);
        }
        visit_mut::visit_stmt_mut(self, stmt);
    }

    fn visit_expr_mut(&mut self, expr: &mut Expr) {
        if let Expr::Macro(mac) = expr
            && let Some(call) = call(&mac.mac)
        {
            *expr = call;
        }
        visit_mut::visit_expr_mut(self, expr);
    }
}

fn call(mac: &Macro) -> Option<Expr> {
    let tokens = mac.tokens.clone();
    let args = match &*paths::last(&mac.path) {
        "join" | "try_join" | "vec" | "pin" => list(tokens)?,
        "select" => Branches::parse.parse2(tokens).ok()?.0,
        _ => return None,
    };
    let span = match &mac.delimiter {
        MacroDelimiter::Paren(paren) => paren.span,
        MacroDelimiter::Brace(brace) => brace.span,
        MacroDelimiter::Bracket(bracket) => bracket.span,
    };
    Some(Expr::Call(ExprCall {
        attrs: Vec::new(),
        func: Box::new(Expr::Path(ExprPath {
            attrs: Vec::new(),
            qself: None,
            path: mac.path.clone(),
        })),
        paren_token: token::Paren { span },
        args,
    }))
}

fn list(tokens: TokenStream) -> Option<Punctuated<Expr, Token![,]>> {
    Punctuated::parse_terminated.parse2(tokens).ok()
}

/// The futures and the handlers of `tokio::select!`.
struct Branches(Punctuated<Expr, Token![,]>);

impl Parse for Branches {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let mut found = Punctuated::new();
        if input.peek(syn::Ident) && input.peek2(Token![;]) {
            input.parse::<syn::Ident>()?;
            input.parse::<Token![;]>()?;
        }
        while !input.is_empty() {
            if input.peek(Token![else]) {
                input.parse::<Token![else]>()?;
            } else {
                Pat::parse_multi_with_leading_vert(input)?;
                input.parse::<Token![=]>()?;
                found.push(input.parse::<Expr>()?);
                if input.peek(Token![,]) {
                    input.parse::<Token![,]>()?;
                    input.parse::<Token![if]>()?;
                    input.parse::<Expr>()?;
                }
            }
            input.parse::<Token![=>]>()?;
            // A block ends its branch, whatever follows.
            found.push(if input.peek(token::Brace) {
                Expr::Block(input.parse()?)
            } else {
                input.parse()?
            });
            if input.peek(Token![,]) {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(Branches(found))
    }
}
