//! Calls by gRPC: methods that exist, messages that fit, paths that lead somewhere.

use super::Lint;
use crate::model::grpc::{Code, Descriptors, HEALTH_CHECK, Method, metadata_name};
use crate::scenario::grpc::{DescriptorSets, GrpcCall, calls};
use crate::scenario::ledger::LedgerRead;
use crate::scenario::probe::GrpcProbe;
use crate::scenario::reference::{Reference, put_in, references};

/// Stands for `${id}` while a message is tried.
const SOME_NUMBER: &str = "16777216";

pub(super) fn check(lint: &mut Lint<'_>, sets: &DescriptorSets) {
    let scenario = lint.scenario;
    for (i, probe) in scenario.probes.iter().enumerate() {
        if let Some(grpc) = &probe.grpc {
            probe_keys(lint, &format!("probes[{i}].grpc"), grpc);
        }
    }
    for (path, call) in calls(scenario) {
        place(lint, &path, &call);
        let Some(method) = method(lint, &path, &call, sets) else { continue };
        message(lint, &path, &call, &method);
        if let Some(LedgerRead::Grpc(read)) = scenario.ledger.as_ref().map(|ledger| &ledger.read)
            && path == "ledger.read.grpc"
            && let Err(why) = method.leads_to(&read.ids)
        {
            lint.error(format!("{path}.ids"), why, "write names of fields with dots between, as in `items.id`");
        }
    }
}

/// Keys of a probe that do not go together.
fn probe_keys(lint: &mut Lint<'_>, path: &str, grpc: &GrpcProbe) {
    if let (Some(_), Some(service)) = (&grpc.method, &grpc.service) {
        let message = format!("`service` is what the health check asks about (`{service}`); `method` calls another");
        lint.key_error(format!("{path}.service"), message, "keep one of them");
    }
    for (key, given) in [("message", grpc.message.is_some()), ("descriptors", grpc.descriptors.is_some())] {
        if given && grpc.method.is_none() {
            let message = format!("`{key}` without a `method` means nothing");
            lint.key_error(format!("{path}.{key}"), message, "name the `method`, as in `shop.v1.Orders/Get`");
        }
    }
    if grpc.contains.is_some() && grpc.status != Code::Ok {
        let message = format!("an answer with status {} holds no message to look into", grpc.status);
        lint.key_error(format!("{path}.contains"), message, "keep one of `status` and `contains`");
    }
}

fn place(lint: &mut Lint<'_>, path: &str, call: &GrpcCall) {
    let rest = call.url.split_once("://").map_or("", |(_, rest)| rest);
    if references(&call.url).is_empty() && rest.trim_end_matches('/').contains(['/', '?', '#']) {
        let hint = "write `http://host:port`; what is called is named by `method`";
        lint.error(format!("{path}.url"), "a server of gRPC has an address without a path", hint);
    }
    for name in call.metadata.keys() {
        if let Err(why) = metadata_name(name) {
            lint.key_error(format!("{path}.metadata.{name}"), why, "");
        }
    }
}

fn method(lint: &mut Lint<'_>, path: &str, call: &GrpcCall, sets: &DescriptorSets) -> Option<Method> {
    let set = match &call.descriptors {
        None if call.method == HEALTH_CHECK => &Descriptors::health().map_err(|e| e.to_string()),
        None => {
            let message = format!("`{}` needs `descriptors`: only the health check is known without", call.method);
            let hint = "make them with `protoc --include_imports --descriptor_set_out=FILE`";
            lint.error(format!("{path}.method"), message, hint);
            return None;
        }
        // Not known before the run.
        Some(name) => sets.get(name)?,
    };
    match set {
        Ok(set) => set.method(&call.method).map_err(|e| lint.error(format!("{path}.method"), e.to_string(), "")).ok(),
        Err(why) => {
            let name = call.descriptors.as_deref().unwrap_or_default();
            let message = format!("the descriptor set {name}: {why}");
            lint.error(format!("{path}.descriptors"), message, "the path is relative to the scenario's file");
            None
        }
    }
}

fn message(lint: &mut Lint<'_>, path: &str, call: &GrpcCall, method: &Method) {
    // What a reference stands for is not known yet; the number of an entry is one like any other.
    if references(&call.message).iter().any(|reference| *reference != Reference::Id) {
        return;
    }
    let text = put_in(&call.message, |reference| (*reference == Reference::Id).then(|| SOME_NUMBER.into()));
    if let Err(e) = method.encode(&text) {
        lint.error(format!("{path}.message"), e.to_string(), "fields are those of the method's input");
    }
}
