"""One's own account: the password, and API tokens. A new token's text is shown in the answer to its form, and never again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from gateway.console import people
from gateway.console.call import Call, Problem
from gateway.console.pages.page import Redirect
from gateway.console.role import Role
from gateway.core.errors import UserError


async def show(call: Call) -> Mapping[str, Any]:
    """The account of the one who calls."""
    found = await people.list_tokens(call)
    roles = [role for role in Role if call.actor.role.may(role)]
    return {"tokens": found.tokens, "roles": roles, "told": "", "made": None}


async def act(call: Call) -> Mapping[str, Any] | Redirect:
    """Changes the password, makes or revokes a token."""
    form: dict[str, str] = call.body
    if form.get("do") == "password" and form.get("new") != form.get("again"):
        return {**await show(call), "told": "the new password is not the same twice", "status": 422}
    try:
        match form.get("do"):
            case "password":
                change = people.PasswordChange.model_validate({"old": form.get("old", ""), "new": form.get("new", "")})
                await people.change_password(replace(call, body=change))
                return Redirect("/login")
            case "token":
                days = form.get("days", "")
                asked = people.NewToken.model_validate(
                    {
                        "name": form.get("name", ""),
                        "role": form.get("role"),
                        "days": int(days) if days.isdecimal() else 0,
                    }
                )
                made = await people.make_token(replace(call, body=asked))
                return {**await show(call), "made": made}
            case "revoke":
                await people.revoke_token(replace(call, path={"id": form.get("id", "")}))
            case _:
                return {**await show(call), "told": "this form can't be read", "status": 400}
    except ValidationError as error:
        told = "; ".join(f"{one['loc'][0]}: {one['msg']}" for one in error.errors(include_input=False))
        return {**await show(call), "told": told, "status": 422}
    except UserError as error:
        return {**await show(call), "told": error.message, "status": 422}
    except Problem as problem:
        return {**await show(call), "told": problem.told, "status": problem.status}
    return Redirect("/account")
